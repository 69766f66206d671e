"""Rows that meet in a cell, held against dictionaries as the code of DHER keeps them."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sher_rl.replay.meetings import MeetingTable, Spots, last_of_each

WRITES = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 99), st.booleans()), min_size=1, max_size=12)
CAPACITY = 20


class Oracle:
    """A row at a time."""

    def __init__(self) -> None:
        self.trajectory: dict[int, int] = {}  # of each slot
        self.achieved: dict[int, tuple[int, int]] = {}
        self.desired: dict[int, tuple[int, int]] = {}
        self.meetings: dict[int, tuple[int, int, int, int]] = {}

    def holds(self, slot: int, trajectory: int) -> bool:
        return self.trajectory[slot] == trajectory

    def add(self, achieved: list[tuple], desired: list[tuple]) -> None:
        for table in (self.achieved, self.desired, self.meetings):
            for cell, pairs in list(table.items()):
                if not all(self.holds(*pairs[at : at + 2]) for at in range(0, len(pairs), 2)):
                    del table[cell]
        for cell, slot, trajectory in achieved:
            self.achieved[cell] = (slot, trajectory)
        for cell, slot, trajectory in desired:
            self.desired[cell] = (slot, trajectory)
        for cell, slot, trajectory in achieved:
            if cell in self.desired and self.desired[cell][1] != trajectory:
                self.meetings[cell] = (slot, trajectory, *self.desired[cell])
        for cell, slot, trajectory in desired:
            if cell in self.achieved and self.achieved[cell][1] != trajectory:
                self.meetings[cell] = (*self.achieved[cell], slot, trajectory)


def spots(rows: list[tuple]) -> Spots:
    columns = torch.tensor(rows, dtype=torch.int64).reshape(-1, 3).unbind(-1)
    return Spots(*columns)


def as_dict(columns: tuple[Tensor, ...]) -> dict[int, tuple[int, ...]]:
    cells, *others = (column.tolist() for column in columns)
    assert cells == sorted(set(cells))
    return {cell: tuple(row) for cell, *row in zip(cells, *others, strict=True)}


@given(writes=WRITES)
def test_it_knows_what_dictionaries_would(writes: list[tuple[int, int, bool]]) -> None:
    """Episodes of random length round a ring, among six cells; those that succeed offer no goals."""
    oracle = Oracle()
    table = MeetingTable()
    cursor = 0
    for trajectory, (length, seed, failed) in enumerate(writes):
        cells = torch.randint(6, (2, length), generator=torch.Generator().manual_seed(seed)).tolist()
        slots = [(cursor + step) % CAPACITY for step in range(length)]
        cursor += length
        oracle.trajectory |= dict.fromkeys(slots, trajectory)
        achieved, desired = ([(c, s, trajectory) for c, s in zip(row, slots, strict=True)] for row in cells)
        desired = desired if failed else []

        def alive(slot: Tensor, number: Tensor) -> Tensor:
            return torch.tensor([oracle.holds(*row) for row in zip(slot.tolist(), number.tolist(), strict=True)]).bool()

        oracle.add(achieved, desired)
        table.add(spots(achieved), spots(desired), alive)
        assert as_dict(table.achieved) == oracle.achieved
        assert as_dict(table.desired) == oracle.desired
        assert as_dict(table.meetings) == oracle.meetings


def test_episodes_of_one_write_meet_and_none_meets_itself() -> None:
    table = MeetingTable()
    table.add(spots([(7, 0, 0), (3, 1, 1)]), spots([(3, 0, 0), (7, 1, 1), (5, 1, 1)]), lambda slot, _: slot >= 0)
    assert as_dict(table.meetings) == {3: (1, 1, 0, 0), 7: (0, 0, 1, 1)}
    alone = MeetingTable()
    alone.add(spots([(7, 0, 0)]), spots([(7, 1, 0)]), lambda slot, _: slot >= 0)
    assert not len(alone.meetings.cell)


def test_its_state_is_its_columns() -> None:
    table = MeetingTable()
    table.add(spots([(7, 0, 0)]), spots([(7, 1, 1)]), lambda slot, _: slot >= 0)
    other = MeetingTable()
    other.load_state_dict(table.state_dict())
    for name in ("achieved", "desired", "meetings"):
        assert as_dict(getattr(other, name)) == as_dict(getattr(table, name))


@given(keys=st.lists(st.integers(0, 5), max_size=30))
def test_the_last_of_each_key(keys: list[int]) -> None:
    expected = sorted({key: place for place, key in enumerate(keys)}.items())
    assert last_of_each(torch.tensor(keys, dtype=torch.int64)).tolist() == [place for _, place in expected]
