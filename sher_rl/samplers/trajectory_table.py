"""The trajectories that a ring of rows holds: where each begins, and what it is worth."""

from __future__ import annotations

from typing import NamedTuple

import torch
from tensordict import NestedKey, TensorDictBase
from torch import Tensor
from torchrl.data import TensorStorage
from torchrl.data.replay_buffers import Storage

from sher_rl import _torchrl
from sher_rl.errors import UsageError
from sher_rl.replay.keys import TRAJECTORY


class TrajectoryTable(NamedTuple):
    """Trajectories in the order of time, by position: the position of a row is its slot plus laps of the ring.

    Each alive row, from ``oldest`` to ``end``, is of the last trajectory that begins at it or before it. Only the
    first trajectory may have lost rows, those before ``oldest``.
    """

    begin: Tensor
    """Position of each trajectory's first row, rising, ``(N,)`` int64."""
    value: Tensor
    """What each trajectory's score is made of, ``(N,)`` float64."""
    oldest: int
    end: int
    written: int
    """Rows that the buffer's writer had counted."""
    begun: int
    """Trajectories that were begun since the buffer was empty."""

    @classmethod
    def empty(cls) -> TrajectoryTable:
        """A table of no rows, which any buffer is ahead of."""
        return cls(torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.float64), 0, 0, -1, 0)

    @property
    def edges(self) -> Tensor:
        """Positions between which the alive rows of each trajectory are, ``(N + 1,)``."""
        return torch.cat((self.begin, self.begin.new_tensor([self.end]))).clamp_min(self.oldest)

    def grown(self, storage: Storage, cursor: int, written: int) -> tuple[TrajectoryTable, int]:
        """Take in what was written since, reading no other rows.

        Args:
            storage: the ring.
            cursor: slot that the next row is written to.
            written: rows that the writer has counted.

        Returns:
            The table, and how many of its last trajectories are new or have grown; their values are to be set.
        """
        alive = len(storage)
        capacity = storage.max_size
        known = 0 <= self.written <= written
        old = self if known else self.empty()
        end = old.end + written - old.written if known else alive + (cursor - alive) % capacity
        oldest = end - alive
        start = max(old.end, oldest) if known else oldest
        new = self._begins(storage, start, end, oldest)
        goes_on = len(old.begin) > 0 and (len(new) == 0 or int(new[0]) > start)
        fresh = len(new) + goes_on
        begin = torch.cat((old.begin, new))
        value = torch.cat((old.value, old.value.new_zeros(len(new))))
        dead = int(torch.searchsorted(begin, oldest, right=True)) - 1
        table = TrajectoryTable(begin[dead:], value[dead:], oldest, end, written, self.begun + len(new))
        return table, min(fresh, len(table.begin))

    @staticmethod
    def _begins(storage: Storage, start: int, end: int, oldest: int) -> Tensor:
        """Positions from ``start`` to ``end`` at which another trajectory begins than that of the row before."""
        before = max(start - 1, oldest)
        slots = torch.arange(before, end) % storage.max_size
        number = trajectory_column(storage)[slots.to(storage.device)].cpu()
        changes = torch.nonzero(number[1:] != number[:-1]).squeeze(-1) + before + 1
        return changes if before < start else torch.cat((changes.new_tensor([start]), changes))


class Trajectories(NamedTuple):
    """Rows of some trajectories in a storage."""

    storage: Storage
    begin: Tensor
    """Position of the first alive row of each, ``(N,)``."""
    lengths: Tensor
    """Alive rows of each, ``(N,)``."""

    @classmethod
    def of(cls, storage: Storage, table: TrajectoryTable) -> Trajectories:
        """All trajectories of a table."""
        edges = table.edges
        return cls(storage, edges[:-1], edges.diff())

    def some(self, which: slice | Tensor) -> Trajectories:
        """Those that an index chooses."""
        return Trajectories(self.storage, self.begin[which], self.lengths[which])

    def steps(self, achieved_goal: NestedKey, next_achieved_goal: NestedKey) -> tuple[Tensor, Tensor]:
        """Achieved goals before and after each step, ``(rows, *g)``, one trajectory after the other."""
        first = self.begin - self.lengths.cumsum(0) + self.lengths
        rows = torch.arange(int(self.lengths.sum())) + first.repeat_interleave(self.lengths)
        return self._read(achieved_goal, rows), self._read(next_achieved_goal, rows)

    def paths(self, achieved_goal: NestedKey, next_achieved_goal: NestedKey, points: int) -> Tensor:
        """Achieved goals from before the first step on, at ``points`` evenly spaced steps: ``(N, points, *g)``.

        A trajectory of ``points - 1`` steps gives each goal once, a shorter one repeats some.
        """
        step = (2 * torch.arange(points) * self.lengths.unsqueeze(-1) + points - 1) // (2 * points - 2)
        rows = self.begin.unsqueeze(-1) + (step - 1).clamp_min(0)
        before = self._read(achieved_goal, self.begin)
        after = self._read(next_achieved_goal, rows)
        at_start = (step == 0).reshape(*step.shape, *(1,) * (after.ndim - 2))
        return torch.where(at_start, before.unsqueeze(1), after)

    def _read(self, key: NestedKey, position: Tensor) -> Tensor:
        column = storage_columns(self.storage).get(key, None)
        if column is None:
            raise UsageError(
                f"The rows stored lack {key!r}; a trajectory starts with the 'achieved_goal' of its first row and goes "
                "on with ('next', 'achieved_goal'), so write both."
            )
        return column[(position % self.storage.max_size).to(column.device)].cpu()


def trajectory_column(storage: Storage) -> Tensor:
    """Number of each row's trajectory, as :class:`~sher_rl.HindsightRelabel` writes it.

    Raises:
        UsageError: the buffer has no such transform, or one with ``mode="write"``.
    """
    columns = storage_columns(storage)
    column = columns.get(TRAJECTORY, None)
    if column is not None:
        return column
    if columns.get(("hindsight", "relabelled"), None) is not None:
        raise UsageError(
            "The buffer relabels with mode='write', which stores copies with goals of their own in the place of "
            "trajectories; give HindsightRelabel mode='read' and the storage."
        )
    raise UsageError(f"The rows stored lack {TRAJECTORY!r}; give the buffer HindsightRelabel as its first transform.")


def storage_columns(storage: Storage) -> TensorDictBase:
    """Columns of a storage, which may be empty so far.

    Raises:
        UsageError: it is of another kind, or has more than one dimension.
    """
    if not isinstance(storage, TensorStorage) or storage.ndim != 1:
        raise UsageError(
            f"storage is {type(storage).__name__}; use a LazyTensorStorage or LazyMemmapStorage with ndim=1, "
            "where trajectories are rows in a row."
        )
    return _torchrl.columns(storage)
