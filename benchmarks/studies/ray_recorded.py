"""Is the model of ray_scale.py right? Actors emit recorded episodes as fast as 64 cores would collect them.

python benchmarks/studies/ray_recorded.py fetch_push
python benchmarks/studies/ray_recorded.py hand_egg --cores 16

Real actors of a cluster collect one batch each. From then on they take the weights of each call, as collectors do, wait
as long as their share of the cores would step, and send that batch again. The learner writes, draws and learns as in a
run. One table: gradient steps a frame, the frames a second that the model predicts from the costs measured just before,
the frames a second that there were, and their ratio. Needs the extra ray. Measure with nothing beside it.

Waiting takes no core. So two cores are enough for the learner and the buffer, if what the actors do beside waiting
(take weights, send a batch) takes little. The model leaves that out, and the ratio shows it.
"""

import argparse
import dataclasses
import time
from contextlib import closing
from typing import Any

import torch

import sher_rl
from benchmarks.studies.ray_scale import SHARES, Costs, build, frames_a_second, measure, rounds
from sher_rl.cli.recipe_files import load_recipe
from sher_rl.training.on_ray import SERVICES
from sher_rl.training.remote.actors import Build, Weights
from sher_rl.training.remote.cluster import cluster, spawn
from sher_rl.training.remote.random_state import Drawn
from sher_rl.training.remote.replay import RemoteReplay
from sher_rl.training.remote.rollouts import RemoteRollouts
from sher_rl.training.rollouts import Rollouts

ROUNDS = dict(zip(SHARES, (3, 9, 27), strict=True))
"""That are measured with each share of the recipe's gradient steps."""


class RecordedActor:
    """Sends the batch that it collected at first, as late as its cores would have collected another one.

    Args:
        build: of the recipe.
        config: of this actor's share.
        seed: of its first environment.
        seconds: that its cores take for a batch.
    """

    def __init__(self, build: Build[sher_rl.Config], config: sher_rl.Config, seed: int, seconds: float) -> None:
        torch.set_num_threads(1)
        parts = build(config)
        parts.env.set_seed(seed)
        self._explorer = parts.explorer
        self._batch = next(Rollouts(config, parts.env, parts.explorer))
        self._seconds = seconds

    def collect(self, weights: Weights, random: torch.Tensor | None) -> Drawn:
        """The recorded batch; the arguments are those of a collector."""
        end = time.perf_counter() + self._seconds
        self._explorer.load_state_dict(weights)
        time.sleep(max(0.0, end - time.perf_counter()))
        return Drawn(self._batch, torch.get_rng_state())


class RecordedRollouts(RemoteRollouts):
    """Rollouts of a cluster whose collectors send recorded batches.

    Args:
        seconds: that the cores of an actor take for its share of a batch.
        *args: of RemoteRollouts.
    """

    def __init__(self, seconds: float, *args: Any) -> None:
        self._seconds = seconds
        super().__init__(*args)

    def _start(self) -> Any:
        seed = self._seed
        self._seed += self._share.num_envs
        return spawn(RecordedActor, self._build, self._share, seed, self._seconds, num_cpus=1)


def wide(config: sher_rl.Config, envs: int) -> sher_rl.Config:
    """A round of more environments, with as many frames of each and as many gradient steps a frame."""
    times = envs // config.num_envs
    return dataclasses.replace(
        config,
        num_envs=times * config.num_envs,
        frames_per_batch=times * config.frames_per_batch,
        updates_per_batch=times * config.updates_per_batch,
    )


def check(config: sher_rl.Config, parts: sher_rl.Parts, costs: Costs, cores: int) -> None:
    """A row for each share of the recipe's gradient steps."""
    physics = cores - 2
    seconds = config.frames_per_batch * costs.step / physics
    with (
        cluster("local", cpus=config.actors + SERVICES),
        closing(RecordedRollouts(seconds, build, config, parts.explorer, parts.learner)) as rollouts,
        closing(RemoteReplay(build, config, parts)) as replay,
    ):
        for share, repeats in ROUNDS.items():
            updates = max(1, round(share * config.updates_per_batch))
            fewer = dataclasses.replace(config, updates_per_batch=updates)
            measured = config.frames_per_batch / rounds(fewer, rollouts, replay, parts.learner, repeats)
            a_frame = updates / config.frames_per_batch
            predicted = frames_a_second(costs.limits(a_frame, config.batch_size, physics))
            print(f"| {a_frame:.2g} | {predicted:,.0f} | {measured:,.0f} | {measured / predicted:.2f} |")


def main() -> None:
    """Print the table of one task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("--cores", type=int, default=64, help="two of them for the learner and the buffer")
    parser.add_argument("--actors", type=int, default=4)
    parser.add_argument("--envs", type=int, default=64, help="of all actors together")
    args = parser.parse_args()
    torch.set_num_threads(1)
    recipe = dataclasses.replace(load_recipe(args.task).CONFIG, num_threads=1, random_frames=0)
    config = wide(recipe, args.envs)
    parts = build(config)
    costs = measure(config, parts, repeats=3)
    check(dataclasses.replace(config, ray="local", actors=args.actors), parts, costs, args.cores)


if __name__ == "__main__":
    main()
