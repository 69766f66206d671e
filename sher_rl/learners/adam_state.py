"""Adam's state: kept out of denormal numbers, and restored only where it fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

_FLUSH_EVERY = 64
_TINY = 1e-30


@torch.no_grad()
def flush(optimizer: torch.optim.Adam, steps: int) -> None:
    """Every 64 steps, set moments to 0 that decay to denormal numbers: those take a processor ten times as long.

    A silent unit's first moment comes from 1e-30 to denormal in 170 steps, and moves no weight long before.
    """
    if steps % _FLUSH_EVERY == 0:
        for moments in optimizer.state.values():
            for name in ("exp_avg", "exp_avg_sq"):
                moments[name].copy_(torch.nn.functional.hardshrink(moments[name], _TINY))


def load_adam(optimizer: torch.optim.Adam, state: Mapping[str, Any]) -> None:
    """Restore Adam; its own loader takes moments of any shape, which would fail at the next step only."""
    optimizer.load_state_dict(dict(state))
    for parameter, moments in optimizer.state.items():
        shapes = {name: tuple(moments[name].shape) for name in ("exp_avg", "exp_avg_sq")}
        if any(shape != parameter.shape for shape in shapes.values()):
            raise ValueError(f"Adam's moments have the shapes {shapes}, their parameter has {tuple(parameter.shape)}")
