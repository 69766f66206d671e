"""Boxes that goals lie in."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sher_rl.errors import UsageError


def check_box(low: Sequence[float], high: Sequence[float]) -> tuple[Tensor, Tensor]:
    """The corners of a box as float32, ``(g,)`` each.

    Raises:
        UsageError: they are not of the same length, not finite, or not below and above each other.

    >>> check_box([-1, -1], [1, 1])
    (tensor([-1., -1.]), tensor([1., 1.]))
    """
    corners = torch.as_tensor(low, dtype=torch.float32), torch.as_tensor(high, dtype=torch.float32)
    below, above = corners
    if below.ndim != 1 or below.shape != above.shape or not (below < above).all() or not torch.isfinite(above).all():
        raise UsageError(f"low is {low} and high is {high}; use two corners of a box, with low below high.")
    return below, above
