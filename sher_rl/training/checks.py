"""What an environment and its reward function are asked before anything is learned from them."""

from __future__ import annotations

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torchrl.data import Bounded
from torchrl.envs import EnvBase

from sher_rl.errors import UsageError
from sher_rl.functional.rewards import RewardFn

_ROUNDING = 1e-5
"""Share of the way to a goal that float32 may round off; dense rewards may differ by as much."""


def check_actions(*envs: EnvBase) -> None:
    """Refuse environments whose actions are not vectors in [-1, 1], which is where policies act.

    Raises:
        UsageError: actions are discrete, or have other bounds.
    """
    for env in envs:
        spec = env.full_action_spec["action"]
        if not (isinstance(spec, Bounded) and spec.dtype.is_floating_point):
            raise UsageError(
                f"env takes actions of a {type(spec).__name__} spec, and policies act in [-1, 1]; use an environment "
                "with continuous, bounded actions."
            )
        low = spec.space.low.min().item()
        high = spec.space.high.max().item()
        if (spec.space.low != -1).any() or (spec.space.high != 1).any():
            raise UsageError(
                f"env takes actions from {low:g} to {high:g}, and policies act in [-1, 1]; wrap it in "
                "gymnasium.wrappers.RescaleAction(env, -1, 1), or append TorchRL's ActionScaling()."
            )


def check_rewards(steps: TensorDictBase, reward_fn: RewardFn) -> None:
    """Refuse a reward function that does not give the rewards that an environment gave.

    Hindsight computes the reward of every row anew, so one that contradicts the environment's would be what is learned.
    Where float32 rounds a goal across a threshold, either reward will do.

    Args:
        steps: collected, any batch size, with ``desired_goal`` and, under ``next``, ``achieved_goal`` and ``reward``;
            ``desired_goal`` there, too, if goals move.
        reward_fn: from achieved and desired goals ``(B, *g)`` to rewards ``(B, 1)``.

    Raises:
        UsageError: a row's reward is another.

    >>> from tensordict import TensorDict
    >>> goal = torch.zeros(1, 2)
    >>> steps = TensorDict({"desired_goal": goal, "next": {"achieved_goal": goal, "reward": torch.zeros(1, 1)}}, [1])
    >>> check_rewards(steps, lambda achieved, desired: (achieved == desired).all(-1, keepdim=True).float() - 1)
    """
    rows = steps.reshape(-1)
    given = rows.get(("next", "reward"))
    desired = rows.get(("next", "desired_goal"), rows.get("desired_goal"))
    computed = _possible_rewards(rows.get(("next", "achieved_goal")), desired, reward_fn)
    agrees = torch.isclose(computed, given.to(computed), rtol=_ROUNDING, atol=_ROUNDING).any(0)
    if not agrees.all():
        row = (~agrees).nonzero()[0, 0]
        ours = computed[0, row].item() + 0.0  # no -0
        raise UsageError(
            f"reward_fn gives {ours:g} where env gave {given[row].item():g}, and another reward than env in "
            f"{(~agrees).sum()} of the first {len(rows)} steps; it has to compute env's own, from the goal achieved "
            "after the action."
        )


def _possible_rewards(achieved: Tensor, desired: Tensor, reward_fn: RewardFn) -> Tensor:
    """Rewards of achieved goals as they are, and of some a little farther and nearer: ``(3, B, 1)``."""
    way = (achieved - desired) * _ROUNDING
    return torch.stack([reward_fn(goal, desired) for goal in (achieved, achieved + way, achieved - way)])
