"""Which goals hindsight draws: strategies and their mixture."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from sher_rl.errors import UsageError, check_numbers
from sher_rl.functional.goal_offsets import (
    alive_before,
    episode_offset,
    future_offset,
    other_episode_offset,
    random_offset,
)
from sher_rl.replay.ring import Ring

Strategy = Literal["future", "next", "final", "episode", "random", "actual"]


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
    """Slot whose goal is drawn; the row's own where none is."""
    offset: Tensor
    """Rows from the transition to that slot, in the order of time; 0 where no goal is drawn."""
    foreign: Tensor | None
    """True where the slot need not be of the row's own episode (``random``, ``actual``); None: nowhere."""
    desired: Tensor | None
    """True where the slot's desired goal is taken (``actual``), not the one it achieved; None: nowhere."""

    def of_rows(self, place: Tensor) -> GoalChoice:
        """The choice of some rows, whose places among these are ``(n,)``."""
        foreign = None if self.foreign is None else self.foreign[place]
        desired = None if self.desired is None else self.desired[place]
        return GoalChoice(self.relabelled[place], self.slot[place], self.offset[place], foreign, desired)


_OFFSETS: dict[str, Callable[[Place, Tensor], Tensor]] = {
    "actual": lambda at, draw: other_episode_offset(at.before, at.remaining, at.age, at.ring.alive, draw),
    "random": lambda at, draw: random_offset(at.age, at.ring.alive, draw),
    "episode": lambda at, draw: episode_offset(at.before, at.remaining, draw),
    "final": lambda at, _: at.remaining.to(torch.int64, copy=True),
    "next": lambda at, _: torch.zeros_like(at.remaining, dtype=torch.int64),
    "future": lambda at, draw: future_offset(at.remaining, draw),
}
"""Offset of each strategy, a new tensor.

The order is that of the intervals which :func:`goal_bounds` cuts. Strategies whose goals may be of another episode come
first, so that one bound tells their draws from the others.
"""
_DRAWS = 2**62
"""Whole numbers that one draw chooses among."""


def goal_bounds(strategy: str | Mapping[str, float], k: float, ratio: float | None) -> dict[str, float]:
    """Cut [0, 1) into one interval a strategy, as long as its probability, and give the upper bounds, ascending.

    What is above the last of them keeps the goal.

    Args:
        strategy: a strategy's name, or weights of several and, if wanted, of ``real``.
        k: relabelled goals for each original one, unless ``ratio`` or ``real`` says it.
        ratio: the probability of relabelling.

    Raises:
        UsageError: a name is unknown, or a number out of range.

    >>> goal_bounds("future", k=4, ratio=None)
    {'future': 0.8}
    >>> goal_bounds({"future": 1, "actual": 2, "real": 1}, k=4, ratio=None)
    {'actual': 0.5, 'future': 0.75}
    """
    check_numbers(k=k, ratio=0 if ratio is None else ratio)
    weights = _weights(strategy)
    if not (0 <= k < math.inf):
        raise UsageError(f"k is {k}; use 0 for no relabelling, or more.")
    if ratio is not None and not (0 <= ratio <= 1 and "real" not in weights):
        raise UsageError(f"ratio is {ratio}; use a number from 0 to 1, and no weight for 'real' beside it.")
    share = k / (k + 1) if ratio is None else ratio
    share = 1.0 if "real" in weights else share
    total = sum(weights.values())
    chances = {name: share * weights.get(name, 0.0) / total for name in _OFFSETS}
    drawn = {name: chance for name, chance in chances.items() if chance > 0}
    return dict(zip(drawn, accumulate(drawn.values()), strict=True)) or {"future": 0.0}


def _weights(strategy: str | Mapping[str, float]) -> dict[str, float]:
    """Weights of a mixture, or the one of a single strategy."""
    known = set(_OFFSETS)
    weights = {str(strategy): 1.0}
    if isinstance(strategy, Mapping):
        known = {*_OFFSETS, "real"}
        weights = dict(strategy)
    check_numbers(**{f"strategy's weight {name!r}": weight for name, weight in weights.items()})
    positive = all(weight >= 0 for weight in weights.values()) and 0 < sum(weights.values()) < math.inf
    if not positive or set(weights) - known:
        raise UsageError(
            f"strategy is {strategy!r:.80}; use one of {', '.join(reversed(_OFFSETS))}, or weights of at least 0 "
            "for some of them and 'real', not all 0."
        )
    return weights


def write_bounds(strategy: str | Mapping[str, float], k: float, ratio: float | None) -> dict[str, float]:
    """Bounds of :func:`goal_bounds` where each copy of a transition is relabelled, by goals of one write.

    Raises:
        UsageError: a name is unknown or needs more than one write, or a number is out of range.

    >>> write_bounds("final", k=4, ratio=None)
    {'final': 1.0}
    """
    goal_bounds(strategy, k, ratio)  # for its errors
    if k != int(k) or ratio is not None or "real" in strategy:
        raise UsageError(f"mode='write' stores k goals a transition, and k is {k}; use a whole k, no ratio, no 'real'.")
    bounds = goal_bounds(strategy, k, ratio=1.0)
    foreign = {"random", "actual"} & set(bounds)
    if foreign:
        raise UsageError(
            f"strategy is {strategy!r}; mode='write' sees one write only and cannot draw {sorted(foreign)}."
        )
    return bounds


def choose_goals(at: Place, bounds: Mapping[str, float], generator: torch.Generator | None = None) -> GoalChoice:
    """Draw for each row whether it is relabelled, by which strategy, and with the goal of which slot.

    Args:
        at: the rows' place in their ring.
        bounds: of :func:`goal_bounds`.
        generator: source of the draws, on any device.

    >>> rows = torch.arange(4)
    >>> at = Place(rows, 3 - rows, trajectory=torch.zeros(4), ring=Ring(None, capacity=4, oldest=0, alive=4))
    >>> choose_goals(at, {"final": 1.0}).slot
    tensor([3, 3, 3, 3])
    """
    device = at.slot.device
    source = device if generator is None else generator.device
    # One draw decides all: its size mask and strategy, its remainder the offset, uneven by n / 2^62 among n rows.
    draw = torch.randint(_DRAWS, at.slot.shape, device=source, generator=generator).to(device)
    below = {name: draw < int(bound * _DRAWS) for name, bound in bounds.items()}
    *narrower, widest = below
    offset = _OFFSETS[widest](at, draw).mul_(below[widest])
    for name in reversed(narrower):
        offset = torch.where(below[name], _OFFSETS[name](at, draw), offset)
    slot = at.slot + offset
    actual = below.get("actual")
    return GoalChoice(
        relabelled=below[widest],
        slot=slot.remainder_(at.ring.capacity) if at.ring.full else slot,
        offset=offset,
        foreign=below.get("random", actual),
        desired=actual,
    )
