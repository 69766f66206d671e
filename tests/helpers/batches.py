"""Batches of random transitions."""

import torch
from tensordict import TensorDict

from sher_rl import GoalDims

DIMS = GoalDims(observation=6, goal=3, action=2)


def random_batch(rows: int) -> TensorDict:
    def state() -> dict[str, torch.Tensor]:
        return {"observation": torch.randn(rows, 6), "desired_goal": torch.randn(rows, 3)}

    ends = {key: torch.rand(rows, 1) < 0.3 for key in ("done", "terminated")}
    following = state() | ends | {"reward": -torch.rand(rows, 1).round()}
    return TensorDict({**state(), "action": torch.rand(rows, 2) * 2 - 1, "next": following}, [rows])
