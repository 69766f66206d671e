"""Goals that a sampler has drawn for the batch that is read next."""

from __future__ import annotations

import threading

import torch
from torch import Tensor

from sher_rl.replay.strategies import GoalChoice


class NextBatchGoals(threading.local):
    """Goals that a sampler chose its rows by, kept until the transform relabels the same rows.

    Each thread has its own, as a buffer samples and transforms a batch in one thread. A copy or a pickle has none.

    >>> goals = NextBatchGoals()
    >>> index = torch.tensor([3, 1])
    >>> goals.put(index, GoalChoice(torch.ones(2, dtype=torch.bool), index + 1, torch.ones(2), None, None))
    >>> goals.take(index).slot
    tensor([4, 2])
    >>> goals.take(index) is None
    True
    """

    _put: tuple[Tensor, GoalChoice] | None = None

    def put(self, index: Tensor, choice: GoalChoice) -> None:
        """Keep the choice for the rows at ``index``, ``(B,)``, in place of what was kept before."""
        self._put = (index, choice)

    def take(self, index: Tensor | None) -> GoalChoice | None:
        """Return the choice once, for the rows it was made for; for others it is dropped."""
        put = self._put
        if put is None:
            return None
        self._put = None
        rows, choice = put
        return choice if index is not None and torch.equal(rows, index) else None

    def __reduce__(self) -> tuple[type[NextBatchGoals], tuple[()]]:
        return NextBatchGoals, ()
