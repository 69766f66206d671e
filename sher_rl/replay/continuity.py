"""Which transition goes on with which, told by the goals that they hold."""

from __future__ import annotations

from typing import NamedTuple

from tensordict import TensorDictBase
from torch import Tensor

from sher_rl.errors import UsageError
from sher_rl.replay.keys import Keys


class GoalPath(NamedTuple):
    """Goals achieved before and after each step of a write, both ``[envs, time, d]``."""

    before: Tensor
    after: Tensor

    @classmethod
    def of(cls, tensordict: TensorDictBase, keys: Keys) -> GoalPath | None:
        """Goals of what is written, ``[*envs, time]``; None if the data lack those achieved before the actions."""
        if tensordict.get(keys.achieved_goal, None) is None:
            return None
        time = (tensordict.shape or (1,))[-1]
        before = tensordict.get(keys.achieved_goal).reshape(tensordict.numel() // time, time, -1)
        return cls(before, tensordict.get(keys.next_achieved_goal).reshape(before.shape))

    def follows(self) -> Tensor:
        """Where a step begins with the goal that the one before it achieved, bool ``[envs, time - 1]``."""
        return _same(self.before[:, 1:], self.after[:, :-1]).all(-1)

    def time_first(self) -> bool:
        """Whether some step follows that of the environment before it, as if the first dimension were time."""
        return bool(_same(self.before[1:], self.after[:-1]).all(-1).any())


def last_rows(end: Tensor, ids: Tensor | None, path: GoalPath | None) -> Tensor:
    """Where an episode ends as far as a write shows it, bool ``[envs, time]``.

    One ends at the end of time, and where the next row does not follow. Where the goals of several environments fit
    together neither along time nor across it, they tell nothing, and the shape alone counts.

    Args:
        end: where the data say that one ends, of that shape.
        ids: trajectory ids of that shape; an episode ends where they change.
        path: goals that tell which row follows which, if the data have them.

    Raises:
        UsageError: time is not the last dimension.

    >>> import torch
    >>> path = GoalPath(torch.tensor([[[0], [1], [7], [8]]]), torch.tensor([[[1], [2], [8], [9]]]))
    >>> last_rows(torch.zeros(1, 4, dtype=torch.bool), None, path)
    tensor([[False,  True, False,  True]])
    """
    last = end.clone()
    last[:, -1] = True
    if ids is not None:
        last[:, :-1] |= ids[:, 1:] != ids[:, :-1]
    unfinished = ~last[:, :-1]
    if path is None or not unfinished.any():
        return last
    follows = path.follows()
    if (unfinished & follows).any():
        last[:, :-1] |= ~follows
    elif len(end) == 1 or path.time_first():
        raise UsageError(
            "No transition of the write goes on with the one before it, although that is unfinished; write "
            "[env, time], time last, and set truncated where an episode is cut."
        )
    return last


def follows_slot(rows: TensorDictBase, keys: Keys, columns: TensorDictBase, slot: int) -> bool:
    """Whether the first of ``rows`` begins with the goals, achieved and desired, that the row in a slot ended with.

    Goals that the data or the storage lack are not compared.
    """
    for key, next_key in ((keys.achieved_goal, keys.next_achieved_goal), (keys.desired_goal, keys.next_desired_goal)):
        goal = rows.get(key, None)
        stored = columns.get(next_key, None)
        if goal is not None and stored is not None and not _same(goal[0].to(stored), stored[slot]).all():
            return False
    return True


def _same(one: Tensor, other: Tensor) -> Tensor:
    """Where two are equal, or both are no number."""
    return (one == other) | (one.isnan() & other.isnan())
