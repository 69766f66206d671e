"""The reward function that a gymnasium environment brings along, ``compute_reward``, for batches of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sher_rl.envs.make_gym import make_gym
from sher_rl.errors import UsageError

_ROWS = 512
_OFFSETS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Standard deviations of the offsets between goals on which a batch is compared with its rows."""


class GymReward:
    """The ``compute_reward`` of a gymnasium goal environment as a reward function for hindsight.

    It is called with NumPy batches in float64, on the CPU. Whether it gives a batch what it gives each of its rows is
    checked first, on 512 pairs of goals: HandManipulatePen's does not, and :func:`~sher_rl.goal_reward` is its reward.
    A function of your own in torch is faster, and works on any device.

    Args:
        env_id: gymnasium id.
        **gym_kwargs: for ``gymnasium.make``, for example ``reward_type``.

    Raises:
        UsageError: the environment has no ``compute_reward``, or it cannot be called with a batch, or gives a batch
            other rewards than its rows.

    >>> reward = GymReward("PointMaze_UMaze-v3")
    >>> reward(torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.1, 0.0], [0.0, 0.0]]))
    tensor([[1.],
            [0.]])
    """

    def __init__(self, env_id: str, **gym_kwargs: Any) -> None:
        self._made_by = (env_id, gym_kwargs)
        env = make_gym(env_id, **gym_kwargs)
        self._compute: Any = getattr(env.unwrapped, "compute_reward", None)
        if self._compute is None:
            raise UsageError(f"env_id {env_id!r} has no compute_reward; write the reward as a function of two tensors.")
        achieved, desired = _pairs_of_goals(env)
        self._check(achieved, desired)

    def _check(self, achieved: NDArray[Any], desired: NDArray[Any]) -> None:
        rows = [float(self._compute(a, d, {})) for a, d in zip(achieved, desired, strict=True)]
        try:
            batch = np.asarray(self._compute(achieved, desired, {}), dtype=np.float64)
        except Exception as error:  # it is the environment's own code
            raise UsageError(f"{self._name} cannot be called with a batch ({error!r:.80}); {_INSTEAD}") from error
        if batch.shape != (len(rows),):
            raise UsageError(f"{self._name} gives a batch of {len(rows)} the shape {batch.shape}; {_INSTEAD}")
        wrong = ~np.isclose(batch, rows)
        if wrong.any():
            raise UsageError(
                f"{self._name} gives a batch other rewards than its rows, in {wrong.sum()} of {len(rows)}; {_INSTEAD}"
            )

    @property
    def _name(self) -> str:
        return f"compute_reward of env_id {self._made_by[0]!r}"

    def __call__(self, achieved_goal: Tensor, desired_goal: Tensor) -> Tensor:
        """Rewards ``(B, 1)`` float32 of goals ``(B, g)``, on the goals' device."""
        achieved = achieved_goal.double().numpy(force=True)
        desired = desired_goal.double().numpy(force=True)
        reward = torch.as_tensor(np.asarray(self._compute(achieved, desired, {})), dtype=torch.float32)
        return reward.reshape(-1, 1).to(achieved_goal.device)

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, self._made_by


_INSTEAD = "write it as a function of two tensors, or use goal_reward for a Fetch or Hand task."


def _remade(env_id: str, gym_kwargs: dict[str, Any]) -> GymReward:
    return GymReward(env_id, **gym_kwargs)


def _pairs_of_goals(env: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Desired goals of resets, and goals near and far from them: ``(_ROWS, g)`` each."""
    draw = np.random.default_rng(0)
    goals = [env.reset(seed=seed)[0]["desired_goal"] for seed in range(16)]
    desired = np.asarray(goals, dtype=np.float64)[np.arange(_ROWS) % len(goals)]
    offset = draw.normal(size=desired.shape) * draw.choice(_OFFSETS, size=(_ROWS, 1))
    return desired + offset, desired
