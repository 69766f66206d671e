"""Which goals hindsight draws: strategies, their mixture, and the ring of stored rows they draw from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import accumulate, pairwise
from typing import Literal, NamedTuple

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torchrl.data import ReplayBuffer, RoundRobinWriter, SliceSampler, TensorStorage
from torchrl.data.replay_buffers import ConsumingSampler, Storage, Transition

from sher_rl.errors import UsageError
from sher_rl.functional import (
    alive_before,
    episode_offset,
    future_offset,
    other_episode_offset,
    random_offset,
)

Strategy = Literal["future", "final", "episode", "random", "actual"]


class Ring(NamedTuple):
    """Rows in the order of time from slot ``oldest`` on, round ``capacity`` slots, of which ``alive`` hold one.

    ``columns`` are all slots: a storage's, or those of a single write.
    """

    columns: TensorDictBase
    capacity: int
    oldest: int
    alive: int


class Place(NamedTuple):
    """Where rows lie in a ring: all that a strategy needs to know of them, integers ``(B,)``."""

    slot: Tensor
    remaining: Tensor
    elapsed: Tensor
    ring: Ring

    @property
    def age(self) -> Tensor:
        """Rows between the ring's oldest row and these."""
        return (self.slot - self.ring.oldest) % self.ring.capacity

    @property
    def before(self) -> Tensor:
        """Earlier steps of the same episode that the ring still holds."""
        return alive_before(self.elapsed, self.age)


class GoalChoice(NamedTuple):
    """Where the goals of rows come from, each ``(B,)``."""

    relabelled: Tensor
    """False where the row keeps its own desired goal."""
    slot: Tensor
    """Slot whose goal is taken; some slot where not relabelled."""
    offset: Tensor
    """Rows from the transition to that slot, in the order of time; some number where not relabelled."""
    foreign: Tensor | None
    """True where the slot need not be of the row's own episode (``random``, ``actual``); None: nowhere."""
    desired: Tensor | None
    """True where the slot's desired goal is taken (``actual``), not the one it achieved; None: nowhere."""


_OFFSETS: dict[str, Callable[[Place, Tensor], Tensor]] = {
    "actual": lambda at, u: other_episode_offset(at.before, at.remaining, at.age, at.ring.alive, u),
    "random": lambda at, u: random_offset(at.age, at.ring.alive, u),
    "episode": lambda at, u: episode_offset(at.before, at.remaining, u),
    "final": lambda at, _: at.remaining.long(),
    "future": lambda at, u: future_offset(at.remaining, u),
}
"""Offset of each strategy. In this order the draws for what is foreign are one interval, from 0."""
_NEVER = (0.0, 0.0)


Interval = tuple[float, float]


def goal_intervals(strategy: str | Mapping[str, float], k: float, ratio: float | None) -> dict[str, Interval]:
    """Cut [0, 1) into one interval a strategy, as long as its probability; the rest of it keeps the goal.

    Args:
        strategy: a strategy's name, or weights of several and, if wanted, of ``real``.
        k: relabelled goals for each original one, unless ``ratio`` or ``real`` says it.
        ratio: the probability of relabelling.

    Raises:
        UsageError: a name is unknown, or a number out of range.

    >>> goal_intervals("future", k=4, ratio=None)
    {'future': (0.0, 0.8)}
    >>> goal_intervals({"future": 1, "actual": 2, "real": 1}, k=4, ratio=None)
    {'actual': (0.0, 0.5), 'future': (0.5, 0.75)}
    """
    weights = {strategy: 1.0} if isinstance(strategy, str) else dict(strategy)
    unknown = set(weights) - set(_OFFSETS) - ({"real"} if isinstance(strategy, Mapping) else set())
    total = sum(weights.values())
    if unknown or not all(weight >= 0 for weight in weights.values()) or not 0 < total < math.inf:
        raise UsageError(
            f"strategy is {strategy!r}; use one of {', '.join(reversed(_OFFSETS))}, or weights of at least 0 "
            "for some of them and 'real', not all 0."
        )
    if not (0 <= k < math.inf):
        raise UsageError(f"k is {k}; use 0 for no relabelling, or more.")
    if ratio is not None and not (0 <= ratio <= 1 and "real" not in weights):
        raise UsageError(f"ratio is {ratio}; use a number from 0 to 1, and no weight for 'real' beside it.")
    share = 1.0 if "real" in weights else k / (k + 1) if ratio is None else ratio
    chances = {name: share * weights.get(name, 0.0) / total for name in _OFFSETS}
    names = [name for name, chance in chances.items() if chance > 0]
    return dict(zip(names, pairwise(accumulate((chances[name] for name in names), initial=0.0)), strict=True))


def choose_goals(at: Place, intervals: Mapping[str, Interval], generator: torch.Generator | None = None) -> GoalChoice:
    """Draw for each row whether it is relabelled, by which strategy, and with the goal of which slot.

    Args:
        at: the rows' place in their ring.
        intervals: of :func:`goal_intervals`.
        generator: source of the draws, on any device.

    >>> rows = torch.arange(4)
    >>> at = Place(rows, remaining=3 - rows, elapsed=rows, ring=Ring(None, capacity=4, oldest=0, alive=4))
    >>> choose_goals(at, {"final": (0.0, 1.0)}).slot
    tensor([3, 3, 3, 3])
    """
    device = at.slot.device
    source = device if generator is None else generator.device
    uniform = torch.rand(at.slot.shape, dtype=torch.float64, device=source, generator=generator).to(device)
    offset = None
    for name, (low, high) in reversed(list(intervals.items())):
        again = (uniform - low if low else uniform) / (high - low)  # uniform on [0, 1), where within the interval
        drawn = _OFFSETS[name](at, again)
        offset = drawn if offset is None else torch.where(uniform < high, drawn, offset)
    offset = torch.zeros_like(at.slot) if offset is None else offset
    actual = intervals.get("actual", _NEVER)
    foreign = intervals.get("random", actual)
    return GoalChoice(
        relabelled=uniform < max((high for _, high in intervals.values()), default=0.0),
        slot=(at.slot + offset) % at.ring.capacity,
        offset=offset,
        foreign=uniform < foreign[1] if foreign[1] else None,
        desired=uniform < actual[1] if actual[1] else None,
    )


def storage_ring(storage: Storage) -> Ring:
    """Rows of a buffer's storage as a ring.

    Raises:
        UsageError: the storage is empty, or its buffer does not fit; see :func:`buffer_writer`.
    """
    writer, alive = buffer_writer(storage), len(storage)
    if not alive:
        raise UsageError("storage is empty; give HindsightRelabel the storage of the buffer that it transforms.")
    return Ring(storage._storage, storage.max_size, writer._cursor if alive == storage.max_size else 0, alive)


def check_storage(storage: Storage | None) -> None:
    """Refuse a storage that cannot be a ring of single transitions.

    Raises:
        UsageError: it is missing, holds no columns, or has more than one dimension.
    """
    if not isinstance(storage, TensorStorage):
        raise UsageError(
            f"storage is {type(storage).__name__}; mode='read' needs the buffer's own LazyTensorStorage or "
            "LazyMemmapStorage, to read goals from (mode='write' needs none)."
        )
    if storage.ndim != 1:
        raise UsageError(
            f"storage has ndim={storage.ndim}, and the index of a row stored in it lacks the environment's coordinate; "
            "use ndim=1, where writes of [env, time] are flattened and annotated."
        )


def buffer_writer(storage: Storage) -> RoundRobinWriter:
    """Writer of the buffer that a storage belongs to, once its parts are known to keep the order of time.

    Raises:
        UsageError: there is no such buffer, or one of its parts does not fit.
    """
    buffers = [entity for entity in storage._attached_entities if isinstance(entity, ReplayBuffer)]
    for buffer in buffers:
        for part, (kind, fits, reason) in _PARTS.items():
            value = getattr(buffer, part)
            if value is not None and isinstance(value, kind) is not fits:
                raise UsageError(f"The buffer's {part[1:]} is {type(value).__name__}; {reason}.")
    if not buffers:
        raise UsageError("storage belongs to no replay buffer; give HindsightRelabel the storage of the one it serves.")
    return buffers[0]._writer


_PARTS = {
    "_writer": (
        RoundRobinWriter,
        True,
        "goals are found by their distance, so use TensorDictRoundRobinWriter, which writes in the order of time",
    ),
    "_sampler": (
        (SliceSampler, ConsumingSampler),
        False,
        "it needs the rows of a slice to keep one goal, or rewrites slots out of turn, so use mode='write' or "
        "RandomSampler",
    ),
    "_sample_unit": (
        Transition,
        True,
        "the rows of a sequence would get different goals, so use the default, single transitions",
    ),
}
"""Parts of a buffer: a kind, whether the part has to be of that kind, and why."""
