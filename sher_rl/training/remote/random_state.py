"""Torch's random state, lent to another process and given back.

A run of one actor so draws the numbers, in the order, that it would draw in one process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Drawn(NamedTuple):
    """What a call in another process gave."""

    value: Any
    random: Tensor
    """Torch's random state after it."""


def drawn(random: Tensor | None, call: Callable[[], Any]) -> Drawn:
    """Call a function with a random state; None is the process's own.

    >>> state = torch.manual_seed(0).get_state()
    >>> first = drawn(state, lambda: torch.rand(1).item())
    >>> first.value == drawn(state, lambda: torch.rand(1).item()).value
    True
    """
    if random is not None:
        torch.set_rng_state(random)
    return Drawn(call(), torch.get_rng_state())


def taken_back(given: Drawn) -> Any:
    """The value of a call, whose random state this process goes on with."""
    torch.set_rng_state(given.random)
    return given.value
