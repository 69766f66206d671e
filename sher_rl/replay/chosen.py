"""What a sampler that looks at goals leaves for the transform that reads the batch."""

from __future__ import annotations

import threading

import torch
from torch import Tensor

from sher_rl.replay.strategies import GoalChoice


class GoalHandover(threading.local):
    """Goals chosen for the next batch that this thread reads; a buffer samples and transforms in one thread.

    Copies and pickles are empty: what is under way belongs to the thread that put it.

    >>> handover, index, nowhere = GoalHandover(), torch.tensor([3, 1]), torch.zeros(2, dtype=torch.long)
    >>> handover.put(index, GoalChoice(nowhere.bool(), index, nowhere, None, None))
    >>> handover.take(index) is None, handover.take(index) is None
    (False, True)
    """

    _put: tuple[Tensor, GoalChoice] | None = None

    def put(self, index: Tensor, choice: GoalChoice) -> None:
        """Leave the choice for the rows at ``index``, ``(B,)``, in place of what was left before."""
        self._put = index, choice

    def take(self, index: Tensor | None) -> GoalChoice | None:
        """Return the choice once, for the rows it was made for; for others it is dropped."""
        put = self._put
        if put is None:
            return None
        self._put = None
        return put[1] if index is not None and torch.equal(put[0], index) else None

    def __reduce__(self) -> tuple[type[GoalHandover], tuple[()]]:
        return GoalHandover, ()
