"""Two tasks learned apart, done together: the mean of their soft Qs, without further training (arXiv:1803.06773).

One Q was trained to come to an x, the other to a y. The mean of both leads to the point (x, y).

python docs/examples/soft_composition.py
python docs/examples/soft_composition.py --picture soft_composition.png
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from soft_point import ALPHA, RADIUS, Point, rollout, train
from tensordict import TensorDictBase
from tensordict.nn import TensorDictModule, TensorDictModuleBase, TensorDictSequential
from torch import Tensor
from torchrl.envs.utils import ExplorationType

from sher_rl import BestOfSamples, ComposedQ, UniformActions

COLOURS = ("#0072B2", "#D55E00", "#009E73")


def x_of(place: Tensor) -> Tensor:
    """``(*batch, 2) -> (*batch, 1)``."""
    return place[..., :1]


def y_of(place: Tensor) -> Tensor:
    """``(*batch, 2) -> (*batch, 1)``."""
    return place[..., 1:]


def place_of(place: Tensor) -> Tensor:
    """All of it: ``(*batch, 2) -> (*batch, 2)``."""
    return place


def trained_for(part: Callable[[Tensor], Tensor], frames: int, seed: int) -> TensorDictSequential:
    """A soft Q of goals that are a part of a place; it reads that part where the goal is a whole place."""
    _, qvalue = train(Point(16, part), frames, seed, updates=40)
    return TensorDictSequential(TensorDictModule(part, ["desired_goal"], ["desired_goal"]), qvalue)


def policy_of(qvalue: TensorDictModuleBase) -> BestOfSamples:
    """What soft Q-learning makes of a Q: actions in proportion to exp(Q / α)."""
    return BestOfSamples(qvalue, UniformActions(2), alpha=ALPHA, candidates=64)


def shares(steps: TensorDictBase) -> tuple[float, float, float]:
    """Of the episodes: those that end at their x, at their y, and at both."""
    left = (steps["next", "observation"] - steps["desired_goal"])[:, -1].abs() < RADIUS
    return (*left.float().mean(0).tolist(), left.all(-1).float().mean().item())


def draw(episodes: dict[str, TensorDictBase], path: Path) -> None:
    """Paths of one start and goal for each policy, side by side."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(10, 3.5), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    for axes, (name, steps), colour in zip(panels, episodes.items(), COLOURS, strict=True):
        x, y = steps["desired_goal"][0, 0].tolist()
        axes.axvspan(x - RADIUS, x + RADIUS, color="0.9")
        axes.axhspan(y - RADIUS, y + RADIUS, color="0.9")
        places = torch.cat((steps["observation"], steps["next", "observation"][:, -1:]), 1)
        axes.plot(*places.movedim(-1, 0).transpose(1, 2), color=colour, alpha=0.5, linewidth=1)
        axes.plot(*places[:, -1].T, ".", color="black")
        axes.set(title=name, xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
    figure.savefig(path, dpi=110)


def main(frames: int = 8_000, seed: int = 0, picture: Path | None = None) -> dict[str, tuple[float, float, float]]:
    """Train both Qs; return the shares of episodes at x, y and both, of either policy and of their mean."""
    qs = [trained_for(part, frames, seed) for part in (x_of, y_of)]
    networks = {"Q of x": qs[0], "Q of y": qs[1], "mean of both": ComposedQ(qs, "state_action_value")}
    policies = {name: policy_of(network) for name, network in networks.items()}
    if picture:
        env = Point(20, place_of, start=(-0.6, -0.7), end=(0.4, 0.5))
        draw({name: rollout(env, policy, ExplorationType.RANDOM) for name, policy in policies.items()}, picture)
    return {name: shares(rollout(Point(200, place_of), policy)) for name, policy in policies.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=8_000, help="of each task")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path, help="where to draw paths of each policy; needs the extra plot")
    for name, (at_x, at_y, at_both) in main(**vars(parser.parse_args())).items():
        print(f"{name}: at x {at_x:.2f}, at y {at_y:.2f}, at both {at_both:.2f}")
