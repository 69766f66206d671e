"""Episodes whose goals say where they are of, buffers of them, and a brute-force model of what hindsight may draw."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, field

import torch
from hypothesis import strategies as st
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer

from sher_rl import HindsightRelabel

DRAWS = 1500  # of each row: a goal out of 40 is missed with a probability of 3e-17


def reward_fn(achieved: Tensor, desired: Tensor) -> Tensor:
    """Distinguish all pairs of goals, so that a reward of other goals never passes."""
    return (achieved * 1000 + desired).sum(-1, keepdim=True).float()


def episode(length: int, *, number: int = 0, start: int = 0, done: bool = True) -> TensorDict:
    """Steps of an episode whose goals say which episode and step they are of."""
    step = torch.arange(start, start + length + 1, dtype=torch.float64)
    achieved = torch.stack((torch.full_like(step, number), step), -1)
    end = torch.zeros(length, 1, dtype=torch.bool)
    end[-1] = done
    desired = torch.tensor([-1.0, -number], dtype=torch.float64).expand(length, 2)
    return TensorDict(
        {
            "observation": achieved[:-1],
            "achieved_goal": achieved[:-1],
            "desired_goal": desired,
            "next": {
                "observation": achieved[1:],
                "achieved_goal": achieved[1:],
                "desired_goal": desired,
                "reward": torch.zeros(length, 1),
                "done": end,
                "terminated": torch.zeros_like(end),
                "truncated": end,
            },
        },
        [length],
    )


def make_buffer(capacity: int, *, kind: type[ReplayBuffer] = TensorDictReplayBuffer, **options) -> ReplayBuffer:
    storage = LazyTensorStorage(capacity)
    transform = HindsightRelabel(reward_fn, storage, **options)
    return kind(storage=storage, transform=transform, batch_size=64)


def relabel_of(buffer: ReplayBuffer) -> HindsightRelabel:
    return buffer._transform[0]


def drawn(buffer: ReplayBuffer, times: int = DRAWS) -> TensorDict:
    """Every stored row, relabelled many times: ``[rows, times]``."""
    slots = torch.arange(len(buffer)).repeat_interleave(times)
    return relabel_of(buffer)(buffer.storage.get(slots)).reshape(len(buffer), times)


@dataclass
class Model:
    """Whole episodes, kept the slow way: a list of rows, of which the last ``capacity`` are alive."""

    capacity: int
    rows: deque = field(init=False)
    count: itertools.count = field(default_factory=itertools.count)
    open: tuple | None = None  # episode, its length and its trajectory id, at the end of the last write

    def __post_init__(self) -> None:
        self.rows = deque(maxlen=self.capacity)

    def write(self, dones: list[list[bool]], ids: list[list[int]] | None) -> TensorDict:
        """Rows of a write ``[env, time]``, which the model takes in too."""
        single, written = len(dones) == len(dones[0]) == 1, []
        for env, ends in enumerate(dones):
            number, length = next(self.count), 0
            if env == 0 and self.goes_on(single, ids, sum(map(len, dones))):
                number, length = self.open[0], self.open[1]
            for time, done in enumerate(ends):
                if time and (ends[time - 1] or (ids and ids[env][time] != ids[env][time - 1])):
                    number, length = next(self.count), 0
                written.append(episode(1, number=number, start=length, done=done))
                self.rows.append((number, length + 1))
                length += 1
            last = (number, length, ids[env][-1] if ids else None, single)
            self.open = None if ends[-1] else last
        return torch.cat(written).reshape(len(dones), -1)

    def goes_on(self, single: bool, ids: list[list[int]] | None, rows: int) -> bool:
        if self.open is None or self.open[1] + rows > self.capacity:
            return False
        return ids[0][0] == self.open[2] if ids else single and self.open[2:] == (None, True)

    def in_turns(self, dones: list[list[bool]], ids: list[list[int]] | None) -> bool:
        """Whether a single transition follows another that is unfinished and alone, which is refused."""
        single = len(dones) == len(dones[0]) == 1
        lone = self.open is not None and self.open[1] == 1 and self.open[3]
        return single and lone and not self.goes_on(single, ids, 1)

    def goals(self, strategy: str, row: tuple[int, int]) -> set[tuple[float, ...]]:
        """Every goal that ``strategy`` may give to an alive row."""
        same = [step for number, step in self.rows if number == row[0]]
        others = {(-1, -number) for number, _ in self.rows if number != row[0]}
        return {
            "future": {(row[0], step) for step in same if step >= row[1]},
            "next": {row},
            "final": {(row[0], max(same))},
            "episode": {(row[0], step) for step in same},
            "random": set(self.rows),
            "actual": others or {(-1, -row[0])},
        }[strategy]


@st.composite
def writes(draw: st.DrawFn) -> list[tuple[list[list[bool]], list[list[int]] | None, bool]]:
    """Writes ``[env, time]`` of random shape, with random ends, with trajectory ids or without."""
    with_ids, out, number = draw(st.booleans()), [], itertools.count()
    current = [next(number) for _ in range(3)]
    for _ in range(draw(st.integers(1, 12))):
        envs, time = draw(st.sampled_from([(1, 1), (1, 1), (1, 3), (1, 6), (2, 3), (3, 1), (3, 4)]))
        dones = draw(
            st.lists(
                st.lists(st.sampled_from([False, False, True]), min_size=time, max_size=time),
                min_size=envs,
                max_size=envs,
            )
        )
        ids: list[list[int]] = []
        for env, ends in enumerate(dones):
            ids.append([])
            for done in ends:
                ids[-1].append(current[env])
                current[env] = next(number) if done else current[env]
        out.append((dones, ids if with_ids else None, draw(st.booleans())))
    return out
