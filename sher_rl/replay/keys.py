"""Names of the columns that hindsight relabelling reads and writes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from tensordict import NestedKey, TensorDictBase
from torch import Tensor

from sher_rl.errors import UsageError

REMAINING = ("hindsight", "remaining")
"""Steps that the episode has after this one, int32."""
TRAJECTORY = ("hindsight", "trajectory")
"""A number of the episode's own, int64, the slot of its first row modulo the capacity; a write may cut an episode."""
RELABELLED = ("hindsight", "relabelled")
"""Whether a row of a batch got another goal, bool."""
OFFSET = ("hindsight", "offset")
"""Rows from the transition to the one whose goal was drawn for it, int64; 0 where none was."""
_TRAJ_IDS = ("collector", "traj_ids")
_STEPS = "steps_to_next_obs"


class Keys(NamedTuple):
    """Keys of the data that relabelling reads or writes."""

    achieved_goal: NestedKey
    desired_goal: NestedKey
    next_desired_goal: NestedKey
    next_achieved_goal: NestedKey
    next_reward: NestedKey
    next_terminated: NestedKey
    next_truncated: NestedKey
    next_done: NestedKey

    @classmethod
    def named(cls, achieved_goal: NestedKey, desired_goal: NestedKey, *others: NestedKey) -> Keys:
        """Keys of names without ``next``; the others are reward, terminated, truncated and done.

        >>> Keys.named("achieved_goal", "desired_goal", "reward", "terminated", "truncated", "done").next_reward
        ('next', 'reward')
        """
        return cls(achieved_goal, desired_goal, *map(_following, (desired_goal, achieved_goal, *others)))

    def check(self, tensordict: TensorDictBase, *, terminated: bool, motion: bool = False) -> None:
        """Refuse a write that holds no rows or lacks a column.

        Args:
            tensordict: what is written.
            terminated: whether ``next_terminated`` is needed, too.
            motion: likewise ``achieved_goal``.

        Raises:
            UsageError: naming what is missing.
        """
        if 0 in tensordict.shape:
            raise UsageError("A write has no transitions; write at least one.")
        needed = [self.desired_goal, self.next_achieved_goal, self.next_reward, self.next_done]
        needed += [self.next_terminated] if terminated else []
        needed += [self.achieved_goal] if motion else []
        missing = [key for key in needed if tensordict.get(key, None) is None]
        if missing:
            hint = " (a collector's compact_obs drops it)" if self.next_achieved_goal in missing else ""
            raise UsageError(f"The data written lack {missing}{hint}, which relabelling needs.")

    def ends(self, tensordict: TensorDictBase) -> Tensor:
        """Where the data say that an episode ends, bool ``[envs, time]``."""
        shape = tensordict.shape or (1,)
        flags = (tensordict.get(key, None) for key in (self.next_terminated, self.next_truncated, self.next_done))
        end = torch.stack([flag.reshape(*shape, -1).any(-1) for flag in flags if flag is not None]).any(0)
        return end.reshape(-1, shape[-1])


def trajectory_ids(tensordict: TensorDictBase) -> Tensor | None:
    """A collector's ids of trajectories, ``[envs, time]``, if the data have them."""
    ids = tensordict.get(_TRAJ_IDS, None)
    return None if ids is None else ids.reshape(-1, (tensordict.shape or (1,))[-1])


def check_single_steps(rows: TensorDictBase) -> None:
    """Refuse rows that MultiStep or MultiStepTransform made of several steps.

    Raises:
        UsageError: naming how many steps.
    """
    steps = rows.get(_STEPS, None)
    if steps is not None and bool((steps > 1).any()):
        raise UsageError(
            f"The rows have {_STEPS} up to {int(steps.max())}, and relabelling knows the reward of one step only; "
            "leave MultiStep out, and sum rewards over slices of one goal, from TorchRL's SliceSampler."
        )


def _following(key: NestedKey) -> NestedKey:
    return ("next", *key) if isinstance(key, tuple) else ("next", key)
