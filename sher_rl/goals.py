"""Which goals hindsight draws: strategies and their mixture."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import accumulate, pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from sher_rl.errors import UsageError, check_numbers
from sher_rl.functional import (
    alive_before,
    episode_offset,
    future_offset,
    other_episode_offset,
    random_offset,
)
from sher_rl.ring import Ring

Strategy = Literal["future", "final", "episode", "random", "actual"]


class Place(NamedTuple):
    """Where rows lie in a ring: all that a strategy needs to know of them, integers ``(B,)``."""

    slot: Tensor
    remaining: Tensor
    trajectory: Tensor
    ring: Ring

    @property
    def age(self) -> Tensor:
        """Rows between the ring's oldest row and these."""
        return (self.slot - self.ring.oldest) % self.ring.capacity

    @property
    def before(self) -> Tensor:
        """Earlier steps of the same episode that the ring still holds."""
        return alive_before((self.slot - self.trajectory) % self.ring.capacity, self.age)


class GoalChoice(NamedTuple):
    """Where the goals of rows come from, each ``(B,)``."""

    relabelled: Tensor
    """False where the row keeps its own desired goal."""
    slot: Tensor
    """Slot whose goal is taken; the row's own where not relabelled."""
    offset: Tensor
    """Rows from the transition to that slot, in the order of time; 0 where not relabelled."""
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
    check_numbers(k=k, ratio=0 if ratio is None else ratio)
    weights = dict(strategy) if isinstance(strategy, Mapping) else {strategy: 1.0} if isinstance(strategy, str) else {}
    check_numbers(**{f"strategy's weight {name!r}": weight for name, weight in weights.items()})
    unknown = set(weights) - set(_OFFSETS) - ({"real"} if isinstance(strategy, Mapping) else set())
    total = sum(weights.values())
    if unknown or not all(weight >= 0 for weight in weights.values()) or not 0 < total < math.inf:
        raise UsageError(
            f"strategy is {strategy!r:.80}; use one of {', '.join(reversed(_OFFSETS))}, or weights of at least 0 "
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


def write_intervals(strategy: str | Mapping[str, float], k: float, ratio: float | None) -> dict[str, Interval]:
    """Intervals of :func:`goal_intervals` where each copy of a transition is relabelled, by goals of one write.

    Raises:
        UsageError: a name is unknown or needs more than one write, or a number is out of range.

    >>> write_intervals("final", k=4, ratio=None)
    {'final': (0.0, 1.0)}
    """
    goal_intervals(strategy, k, ratio)  # for its errors
    if k != int(k) or ratio is not None or "real" in strategy:
        raise UsageError(f"mode='write' stores k goals a transition, and k is {k}; use a whole k, no ratio, no 'real'.")
    intervals = goal_intervals(strategy, k, ratio=1.0)
    foreign = {"random", "actual"} & set(intervals)
    if foreign:
        raise UsageError(
            f"strategy is {strategy!r}; mode='write' sees one write only and cannot draw {sorted(foreign)}."
        )
    return intervals


def choose_goals(at: Place, intervals: Mapping[str, Interval], generator: torch.Generator | None = None) -> GoalChoice:
    """Draw for each row whether it is relabelled, by which strategy, and with the goal of which slot.

    Args:
        at: the rows' place in their ring.
        intervals: of :func:`goal_intervals`.
        generator: source of the draws, on any device.

    >>> rows = torch.arange(4)
    >>> at = Place(rows, 3 - rows, trajectory=torch.zeros(4), ring=Ring(None, capacity=4, oldest=0, alive=4))
    >>> choose_goals(at, {"final": (0.0, 1.0)}).slot
    tensor([3, 3, 3, 3])
    """
    device = at.slot.device
    source = device if generator is None else generator.device
    # One draw decides mask, strategy and offset. float32 has 2^24 values, which n steps share unevenly by n / 2^24.
    uniform = torch.rand(at.slot.shape, dtype=torch.float64, device=source, generator=generator).to(device)
    offset = torch.zeros_like(at.slot)
    for number, (name, (low, high)) in enumerate(reversed(list(intervals.items()))):
        again = (uniform - low if low else uniform) / (high - low)  # uniform on [0, 1), where within the interval
        drawn = _OFFSETS[name](at, again)
        offset = torch.where(uniform < high, drawn, offset) if number else drawn
    relabelled = uniform < max((high for _, high in intervals.values()), default=0.0)
    offset = offset * relabelled
    actual = intervals.get("actual", _NEVER)
    foreign = intervals.get("random", actual)
    return GoalChoice(
        relabelled=relabelled,
        slot=(at.slot + offset).remainder_(at.ring.capacity),
        offset=offset,
        foreign=uniform < foreign[1] if foreign[1] else None,
        desired=uniform < actual[1] if actual[1] else None,
    )
