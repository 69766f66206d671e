"""Rows of a buffer by the cell of a goal, and pairs of rows that meet in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Spots(NamedTuple):
    """Rows whose goals lie in cells: the slot of each, ``(n,)``, and the number of its episode."""

    cell: Tensor
    """See :func:`~sher_rl.functional.splicing.cell_keys`."""
    slot: Tensor
    trajectory: Tensor

    @classmethod
    def none(cls) -> Spots:
        """No rows."""
        return cls(*(torch.empty(0, dtype=torch.int64) for _ in cls._fields))

    def of(self, chosen: Tensor) -> Spots:
        """Some of them, by a mask or by places."""
        return Spots(*(column[chosen] for column in self))

    def then(self, later: Spots) -> Spots:
        """These with ``later`` ones: of each cell the last alone, by ascending cell."""
        joined = Spots(*_joined(self, later))
        return joined.of(last_of_each(joined.cell))

    def in_cells_of(self, others: Spots) -> tuple[Spots, Spots]:
        """Those of ``others`` whose cell these have a row in, and these rows; they have one a cell, ascending."""
        place = torch.searchsorted(self.cell, others.cell.contiguous())
        inside = place < len(self.cell)
        place, others = place[inside], others.of(inside)
        found = self.cell[place] == others.cell
        return others.of(found), self.of(place[found])


class Meetings(NamedTuple):
    """Pairs of rows of two episodes, ``(n,)`` each: in its cell one achieved a goal that the other desired."""

    cell: Tensor
    achieved_slot: Tensor
    achieved_trajectory: Tensor
    desired_slot: Tensor
    desired_trajectory: Tensor

    @classmethod
    def none(cls) -> Meetings:
        """No pairs."""
        return cls(*(torch.empty(0, dtype=torch.int64) for _ in cls._fields))

    @classmethod
    def between(cls, achieved: Spots, desired: Spots) -> Meetings:
        """Pairs of rows that stand in the same place, those of one episode left out."""
        apart = achieved.trajectory != desired.trajectory
        one, other = achieved.of(apart), desired.of(apart)
        return cls(one.cell, one.slot, one.trajectory, other.slot, other.trajectory)

    def of(self, chosen: Tensor) -> Meetings:
        """Some of them, by a mask or by places."""
        return Meetings(*(column[chosen] for column in self))

    def then(self, later: Meetings) -> Meetings:
        """These with ``later`` ones: of each cell the last alone, by ascending cell."""
        joined = Meetings(*_joined(self, later))
        return joined.of(last_of_each(joined.cell))


def _joined(earlier: Sequence[Tensor], later: Sequence[Tensor]) -> list[Tensor]:
    return [torch.cat((one.to(other.device), other)) for one, other in zip(earlier, later, strict=True)]


def last_of_each(key: Tensor) -> Tensor:
    """Places of the last of each kind of key, by ascending key.

    >>> last_of_each(torch.tensor([7, 3, 7, 3, 5]))
    tensor([3, 4, 2])
    """
    order = key.argsort(stable=True)
    ordered = key[order]
    last = torch.ones_like(ordered, dtype=torch.bool)
    last[:-1] = ordered[1:] != ordered[:-1]
    return order[last]


Alive = Callable[[Tensor, Tensor], Tensor]
"""From slots and numbers of episodes, ``(n,)`` each, to whether the slots still hold rows of those."""


class MeetingTable:
    """Where achieved goals met goals of failed episodes, at most one pair of rows a cell, the latest.

    As in the code of DHER (mengf1/DHER): of each cell the last row that achieved a goal in it and the last that desired
    one are known, and each row written is held against those of other episodes.
    """

    def __init__(self) -> None:
        self.achieved = Spots.none()
        self.desired = Spots.none()
        self.meetings = Meetings.none()

    def add(self, achieved: Spots, desired: Spots, alive: Alive) -> None:
        """Take in rows that were written, in the order of time, and drop what was overwritten.

        Args:
            achieved: rows by the cells of their achieved goals.
            desired: those of failed episodes by the cells of their desired goals.
            alive: tells what was overwritten.
        """
        self.achieved = _alive_spots(self.achieved, alive).then(achieved)
        self.desired = _alive_spots(self.desired, alive).then(desired)
        ours, theirs = self.desired.in_cells_of(achieved)
        new = Meetings.between(ours, theirs)
        ours, theirs = self.achieved.in_cells_of(desired)
        self.meetings = self._alive_meetings(alive).then(new).then(Meetings.between(theirs, ours))

    def _alive_meetings(self, alive: Alive) -> Meetings:
        met = self.meetings
        both = alive(met.achieved_slot, met.achieved_trajectory) & alive(met.desired_slot, met.desired_trajectory)
        return met.of(both)

    def state_dict(self) -> dict[str, list[Tensor]]:
        """Its columns."""
        return {"achieved": list(self.achieved), "desired": list(self.desired), "meetings": list(self.meetings)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        self.achieved = Spots(*state["achieved"])
        self.desired = Spots(*state["desired"])
        self.meetings = Meetings(*state["meetings"])


def _alive_spots(spots: Spots, alive: Alive) -> Spots:
    return spots.of(alive(spots.slot, spots.trajectory))
