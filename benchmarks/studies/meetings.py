"""Where achieved goals can meet goals that move, as DHER needs: ``python benchmarks/studies/meetings.py``.

For each task, from 320 episodes of random actions: cells of 1 cm that achieved goals and desired ones came into, those
that both came into, and the least distance between an achieved and a desired goal.
"""

from __future__ import annotations

import torch
from torch import Tensor

import sher_rl
from sher_rl.functional.splicing import cell_keys
from sher_rl.training.threads import one_torch_thread

TASKS = ("DyReach-v0", "DyReachFast-v0", "DyPush-v0", "DyCircle-v0")
CELL = 0.01
ENVS = 32
EPISODES = 10


def goals(env_id: str) -> tuple[Tensor, Tensor]:
    """Achieved and desired goals of random play, ``(n, 3)`` each."""
    env = sher_rl.make_env(env_id, ENVS, seed=5)
    steps = [env.rollout(50, break_when_any_done=False)["next"] for _ in range(EPISODES)]
    env.close()
    rows = torch.cat(steps).reshape(-1)
    return rows["achieved_goal"], rows["desired_goal"]


def main() -> None:
    """Print a row a task."""
    torch.manual_seed(0)
    print("| task | cells achieved | cells desired | both | nearest, cm |")
    print("|---|---:|---:|---:|---:|")
    for env_id in TASKS:
        with one_torch_thread():
            achieved, desired = goals(env_id)
        cells = [cell_keys(each, CELL).unique() for each in (achieved, desired)]
        both = torch.isin(*cells).sum().item()
        nearest = torch.cdist(achieved.unique(dim=0), desired.unique(dim=0)).min().item()
        print(f"| {env_id} | {len(cells[0]):,} | {len(cells[1]):,} | {both:,} | {100 * nearest:.1f} |", flush=True)


if __name__ == "__main__":
    main()
