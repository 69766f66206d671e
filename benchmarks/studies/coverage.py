"""Which goals of the point mass are reached: over steps, from csv files, and in two dimensions where, from policies.

python benchmarks/studies/coverage.py docs/experiments/curricula --maps runs/GAN runs/RARE runs/UNIFORM

A csv file is called point_mass<n>-<proposal>-s<seed>.csv. Each map is of a run of PointMass2: a dot is a goal, filled
where the deterministic policy reached it. Needs the extra plot.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from tensordict.nn import TensorDictModule
from torch import Tensor
from torchrl.envs import TransformedEnv

from sher_rl import PointMass, ProposeGoals, load_policy
from sher_rl.envs.point_mass import EPISODE_STEPS, point_mass_limits
from sher_rl.report.progress_csv import read_progress
from sher_rl.training.threads import one_torch_thread

PROPOSALS = {"gan": ("Goal GAN", "#0072B2"), "rare": ("rare goals", "#009E73"), "uniform": ("uniform", "#D55E00")}
DIMS = (2, 4, 6)
GRID = (9, 41)
"""Goals of a map along x1 and x2."""


class Given:
    """The same goals at each reset."""

    def __init__(self, goals: Tensor) -> None:
        self.goals = goals

    def propose(self, own: Tensor) -> Tensor:
        return self.goals

    def learn(self, goal: Tensor, success: Tensor) -> None:
        pass


def grid() -> Tensor:
    """Goals that the point mass in two dimensions can reach, ``(369, 2)``."""
    sides = [torch.linspace(-limit, limit, count) for limit, count in zip(point_mass_limits(2), GRID, strict=True)]
    return torch.cartesian_prod(*sides)


@torch.no_grad()
def reached(run: Path, goals: Tensor) -> Tensor:
    """Whether a run's deterministic policy reaches each goal in its episode, bool ``(N,)``."""
    base = PointMass(2, len(goals))
    env = TransformedEnv(base, ProposeGoals(Given(goals), base.reward_fn, terminated_fn=base.met))
    policy = TensorDictModule(load_policy(run), ["observation", "desired_goal"], ["action"])
    with one_torch_thread():
        steps = env.rollout(EPISODE_STEPS, policy, break_when_any_done=False, break_when_all_done=True)
    return steps["next", "is_success"].squeeze(-1).bool().any(1)


def draw_curves(axes: Any, folder: Path, dims: int) -> None:
    """Mean coverage of each proposal over environment steps, and the lowest and highest of its seeds."""
    for proposal, (name, colour) in PROPOSALS.items():
        runs = [read_progress(path) for path in sorted(folder.glob(f"point_mass{dims}-{proposal}-s*.csv"))]
        if not runs:
            continue
        coverage = torch.tensor([[row["test_success"] for row in rows] for rows in runs])
        frames = [row["frames"] for row in runs[0]]
        axes.plot(frames, coverage.mean(0), color=colour, linewidth=2, label=f"{name} ({len(runs)} seeds)")
        axes.fill_between(frames, coverage.amin(0), coverage.amax(0), color=colour, alpha=0.2, linewidth=0)
    axes.set(title=f"{dims} dimensions", xlabel="environment steps", ylabel="coverage", ylim=(-0.03, 1.03))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.locator_params(axis="x", nbins=4)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)


def draw_map(axes: Any, run: Path, name: str, colour: str) -> None:
    """Goals in two dimensions, x2 from left to right, filled where they are reached."""
    goals = grid()
    met = reached(run, goals)
    x1, x2 = goals.T
    fill = [colour if yes else "none" for yes in met.tolist()]
    axes.scatter(x2, x1, s=12, c=fill, edgecolors="#999999", linewidths=0.4)
    axes.set(title=f"{name}: {met.float().mean():.0%} reached", xlabel="x2", ylabel="x1", xlim=(-5.3, 5.3))


def main(folder: Path, maps: list[Path], to: Path) -> None:
    """Draw curves, and maps if there are any."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(12, 6), layout="constrained")
    rows = figure.subplots(2, 3, height_ratios=[2, 1])
    for axes, dims in zip(rows[0], DIMS, strict=True):
        draw_curves(axes, folder, dims)
    for axes, run, (name, colour) in zip(rows[1], maps, PROPOSALS.values(), strict=True):
        draw_map(axes, run, name, colour)
    figure.savefig(to, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the csv files")
    parser.add_argument("--maps", type=Path, nargs=3, required=True, help="a run for each proposal, in this order")
    parser.add_argument("--to", type=Path, default=Path("docs/curricula.png"))
    known = parser.parse_args()
    main(known.folder, known.maps, known.to)
