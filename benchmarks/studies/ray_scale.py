"""What a run on a Ray cluster costs, measured on this machine, and where it would saturate on larger ones.

python benchmarks/studies/ray_scale.py fetch_push
python benchmarks/studies/ray_scale.py hand_egg --actors 1 2

Three tables: what each part of a round takes; rounds with the actors of a cluster beside those in one process; and
what a model of these costs predicts, which ray_recorded.py checks. Needs the extra ray. Measure with nothing beside it.
"""

import argparse
import dataclasses
import time
from collections.abc import Callable
from contextlib import closing

import torch

import sher_rl
from sher_rl.cli.recipe_files import load_recipe
from sher_rl.envs.threads import cores
from sher_rl.training.on_ray import SERVICES
from sher_rl.training.remote.cluster import cluster
from sher_rl.training.remote.replay import RemoteReplay
from sher_rl.training.remote.rollouts import RemoteRollouts
from sher_rl.training.replay import Replay
from sher_rl.training.rollouts import Rollouts, frames_of_a_batch
from sher_rl.training.run import TRANSITION
from sher_rl.training.updates import TOGETHER, minibatches

CORES = (2, 16, 64, 256)
SHARES = (1.0, 0.1, 0.01)
"""Of the recipe's gradient steps a frame."""


@dataclasses.dataclass(frozen=True)
class Costs:
    """Seconds, with one thread each."""

    step: float
    """Of a collected frame, on one core."""
    write: float
    """Of a frame that is written through the cluster, and its relabelled row that comes back."""
    sample: float
    """Of a row that is drawn through the cluster."""
    update: float
    """Of a gradient step."""

    def limits(self, updates: float, rows: int, physics: int) -> dict[str, float]:
        """Seconds that each part takes for a frame.

        Args:
            updates: gradient steps a frame.
            rows: of a gradient step's batch.
            physics: cores that collect.
        """
        return {
            "physics": self.step / physics,
            "buffer": self.write,
            "learner": updates * (self.update + rows * self.sample),
        }


def frames_a_second(limits: dict[str, float]) -> float:
    """Physics goes on while the learner writes, draws and learns, one after the other.

    >>> frames_a_second({"physics": 0.5, "buffer": 0.25, "learner": 0.0})
    2.0
    >>> frames_a_second({"physics": 0.5, "buffer": 0.25, "learner": 0.75})
    1.0
    """
    return 1 / max(limits["physics"], limits["buffer"] + limits["learner"])


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Median of some calls, after one that is not counted."""
    call()
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return sorted(taken)[repeats // 2]


def build(config: sher_rl.Config) -> sher_rl.Parts:
    """The parts of the recipe, in whichever process."""
    return load_recipe("sher").build(config)


def measure(config: sher_rl.Config, parts: sher_rl.Parts, repeats: int) -> Costs:
    """Costs of a frame, of a row and of a gradient step."""
    rollouts = Rollouts(config, parts.env, parts.explorer)
    steps = next(rollouts).select(*TRANSITION)
    collect = seconds(lambda: next(rollouts), repeats)
    local = Replay(parts)
    local.write(steps)
    rows = min(TOGETHER, config.batch_size * config.updates_per_batch)
    local_sample = seconds(lambda: local.buffer.sample(rows), repeats)
    batch = local.buffer.sample(config.batch_size)
    update = seconds(lambda: parts.learner.step(batch), 20)
    with cluster("local", cpus=1 + SERVICES), closing(RemoteReplay(build, config, parts)) as remote:
        write = seconds(lambda: remote.write(steps), repeats)
        sample = seconds(lambda: remote.sample(rows), repeats)
    print(f"| a frame, stepped | {1e6 * collect / steps.numel():.0f} µs |")
    print(f"| a frame, written to the cluster's buffer | {1e6 * write / steps.numel():.1f} µs |")
    print(f"| a row, drawn in the same process | {1e6 * local_sample / rows:.2f} µs |")
    print(f"| a row, drawn from the cluster's buffer | {1e6 * sample / rows:.2f} µs |")
    print(f"| a gradient step of {config.batch_size} rows | {1e3 * update:.1f} ms |")
    print(f"| a frame | {steps.bytes() / steps.numel():.0f} bytes |")
    print(f"| a row that is drawn | {batch.bytes() / len(batch):.0f} bytes |")
    weights = parts.explorer.state_dict().values()
    print(f"| weights and statistics | {sum(weight.nbytes for weight in weights):,} bytes |")
    return Costs(collect / steps.numel(), write / steps.numel(), sample / rows, update)


def rounds(
    config: sher_rl.Config,
    rollouts: Rollouts | RemoteRollouts,
    replay: Replay | RemoteReplay,
    learner: sher_rl.FusedLearner | sher_rl.Learner,
    repeats: int = 3,
) -> float:
    """Seconds of a round of collecting and updating."""

    def one() -> None:
        replay.write(next(rollouts).select(*TRANSITION))
        for batch in minibatches(replay.buffer, config.batch_size, config.updates_per_batch):
            learner.step(batch)

    return seconds(one, repeats)


def in_one_process(config: sher_rl.Config) -> float:
    """Seconds of a round without a cluster, with the configuration's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(config.num_threads or cores())
    parts = build(config)
    taken = rounds(config, Rollouts(config, parts.env, parts.explorer), Replay(parts), parts.learner)
    torch.set_num_threads(before)
    return taken


def on_a_cluster(config: sher_rl.Config, parts: sher_rl.Parts) -> float:
    """Seconds of a round with collectors, which have one thread each."""
    with (
        cluster("local", cpus=config.actors + SERVICES),
        closing(RemoteRollouts(build, config, parts.explorer, parts.learner)) as rollouts,
        closing(RemoteReplay(build, config, parts)) as replay,
    ):
        return rounds(config, rollouts, replay, parts.learner)


def compare(config: sher_rl.Config, parts: sher_rl.Parts, actors: list[int]) -> None:
    """Frames and gradient steps a second, in one process and with the collectors of a cluster."""
    alone = in_one_process(config)

    def show(name: str, config: sher_rl.Config, taken: float) -> None:
        frames = frames_of_a_batch(config)
        speed = alone / taken * frames / config.frames_per_batch
        print(f"| {name} | {frames / taken:.0f} | {config.updates_per_batch / taken:.0f} | {speed:.2f} |")

    show("one process, one thread", config, alone)
    threaded = dataclasses.replace(config, num_threads=None)
    show(f"one process, {cores()} threads", threaded, in_one_process(threaded))
    more = dataclasses.replace(threaded, num_envs=4 * config.num_envs)
    show(f"the same, {more.num_envs} environments", more, in_one_process(more))
    for count in actors:
        many = dataclasses.replace(config, ray="local", actors=count)
        show(f"cluster, {count} collectors", many, on_a_cluster(many, parts))


def predict(config: sher_rl.Config, costs: Costs) -> None:
    """Frames a second on more cores: one for the buffer, one for the learner, the others collect."""
    updates = config.updates_per_batch / config.frames_per_batch
    for share in SHARES:
        for count in CORES:
            limits = costs.limits(share * updates, config.batch_size, max(1, count - 2))
            slowest = max(limits, key=limits.__getitem__)
            print(f"| {share * updates:g} | {count} | {frames_a_second(limits):,.0f} | {slowest} |")


def main() -> None:
    """Print the tables of one task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("--actors", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    config = dataclasses.replace(load_recipe(args.task).CONFIG, num_threads=1, random_frames=0)
    parts = build(config)
    costs = measure(config, parts, args.repeats)
    print(f"the buffer takes {1 / costs.write:,.0f} frames a second, one batch after the other")
    compare(config, parts, args.actors)
    predict(config, costs)


if __name__ == "__main__":
    main()
