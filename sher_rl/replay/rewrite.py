"""What changes in a transition that gets another goal: the goal, the reward and, in some tasks, the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from tensordict import TensorDictBase
from torch import Tensor

from sher_rl._torchrl import set_column
from sher_rl.errors import UsageError
from sher_rl.replay.keys import OFFSET, RELABELLED, Keys
from sher_rl.replay.strategies import GoalChoice, Place

GoalFn = Callable[[Tensor, Tensor], Tensor]
"""From achieved and desired goals ``(B, *g)`` to a number of each row, ``(B, 1)``."""


class Rewriter(NamedTuple):
    """What rows are rewritten by once their goals are known.

    >>> keys = Keys.named("achieved_goal", "desired_goal", "reward", "terminated", "truncated", "done")
    >>> rewriter = Rewriter(keys, reward_fn=lambda achieved, desired: -(achieved != desired).float())
    """

    keys: Keys
    reward_fn: GoalFn
    terminated_fn: GoalFn | None = None
    min_motion: float = 0.0

    def goals_at(self, choice: GoalChoice, columns: TensorDictBase) -> Tensor:
        """Goals ``(B, *g)`` of the slots chosen among ``columns``, also for rows that are not relabelled."""
        goal = columns.get(self.keys.next_achieved_goal).index_select(0, choice.slot)
        if choice.desired is None:
            return goal
        other = columns.get(self.keys.desired_goal).index_select(0, choice.slot)
        return torch.where(beside(choice.desired, goal), other, goal)

    def with_motion(self, rows: TensorDictBase, choice: GoalChoice, at: Place) -> GoalChoice:
        """The choice without goals that lie less than ``min_motion`` from what a row had achieved before its step.

        Raises:
            UsageError: the rows do not say what that was.
        """
        if not self.min_motion:
            return choice
        began = rows.get(self.keys.achieved_goal, None)
        if began is None:
            raise UsageError(f"The rows read lack {self.keys.achieved_goal!r}, from which min_motion is measured.")
        moved = distance(self.goals_at(choice, at.ring.columns), began) >= self.min_motion
        return choice._replace(relabelled=choice.relabelled & moved)

    def goals_of(self, rows: TensorDictBase, choice: GoalChoice, goal: Tensor) -> Tensor:
        """``goal`` where a row is relabelled and its own desired goal elsewhere, in the dtype of that."""
        desired = rows.get(self.keys.desired_goal)
        return torch.where(beside(choice.relabelled, goal), goal.to(desired.dtype), desired)

    def goals_after(self, rows: TensorDictBase, goal: Tensor, relabelled: Tensor) -> Tensor:
        """Goals ``(B, *g)`` after each step: ``goal`` where a row is relabelled, elsewhere what the row has stored.

        Where the data hold no goals after the steps, goals stand still.
        """
        own = rows.get(self.keys.next_desired_goal, None)
        return goal if own is None else torch.where(beside(relabelled, goal), goal, own.to(goal))

    def set_goals(
        self, rows: TensorDictBase, goal: Tensor, after: Tensor, relabelled: Tensor, offset: Tensor
    ) -> TensorDictBase:
        """Give rows their goals ``(B, *g)`` before and after the step, with all that follows from them, in place."""
        achieved = rows.get(self.keys.next_achieved_goal)
        reward = _one_a_row("reward_fn", self.reward_fn(achieved, after), len(after))
        stored = rows.get(self.keys.next_reward)
        set_column(rows, self.keys.desired_goal, goal)
        set_column(rows, self.keys.next_desired_goal, after)
        set_column(rows, self.keys.next_reward, reward.to(stored))
        if self.terminated_fn is not None:
            terminated = _one_a_row("terminated_fn", self.terminated_fn(achieved, after), len(after)).bool()
            self._set_ends(rows, terminated, relabelled.unsqueeze(-1))
        set_column(rows, RELABELLED, relabelled)
        set_column(rows, OFFSET, offset)
        return rows

    def _set_ends(self, rows: TensorDictBase, terminated: Tensor, relabelled: Tensor) -> None:
        stored = rows.get(self.keys.next_terminated)
        done = rows.get(self.keys.next_done)
        truncated = rows.get(self.keys.next_truncated, None)
        truncated = done & ~stored if truncated is None else truncated
        set_column(rows, self.keys.next_terminated, torch.where(relabelled, terminated, stored))
        set_column(rows, self.keys.next_done, torch.where(relabelled, terminated | truncated, done))


def scatter(goal: Tensor, relabelled: Tensor, noise: float, generator: torch.Generator | None) -> Tensor:
    """Add Gaussian noise to the goals ``(B, *g)`` of relabelled rows; without noise nothing is drawn.

    >>> scatter(torch.zeros(2, 1), torch.tensor([False, True]), 1.0, torch.Generator().manual_seed(0))
    tensor([[ 0.0000],
            [-0.2934]])
    """
    if not noise:
        return goal
    source = goal.device if generator is None else generator.device
    draw = torch.randn(goal.shape, dtype=goal.dtype, device=source, generator=generator).to(goal.device)
    return goal + noise * draw * beside(relabelled, goal)


def distance(goal: Tensor, other: Tensor) -> Tensor:
    """Euclidean distance ``(B,)`` between goals ``(B, *g)``, over all their numbers.

    >>> distance(torch.tensor([[0.0, 3.0], [1.0, 1.0]]), torch.tensor([[4.0, 0.0], [1.0, 1.0]]))
    tensor([5., 0.])
    """
    dtype = torch.promote_types(goal.dtype, torch.float32)  # whole numbers and bits have no norm
    return torch.linalg.vector_norm((goal.to(dtype) - other.to(dtype)).reshape(len(goal), -1), dim=-1)


def beside(mask: Tensor, value: Tensor) -> Tensor:
    """A mask of rows ``(B,)``, shaped to broadcast over values ``(B, *g)``.

    >>> beside(torch.ones(4), torch.ones(4, 3, 2)).shape
    torch.Size([4, 1, 1])
    """
    return mask.view(-1, *(1,) * (value.ndim - 1))


def _one_a_row(name: str, value: Tensor, rows: int) -> Tensor:
    if value.shape != (rows, 1):
        raise UsageError(f"{name} returned the shape {tuple(value.shape)} for {rows} rows; it has to be {(rows, 1)}.")
    return value
