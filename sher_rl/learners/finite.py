"""Losses and gradients that must not be stepped on."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def losses(statistics: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The losses and norms of gradients among what a gradient step gives.

    >>> list(losses({"loss_value": torch.tensor(1.0), "q_mean": torch.tensor(2.0), "grad_norm": torch.tensor(3.0)}))
    ['loss_value', 'grad_norm']
    """
    return {name: value for name, value in statistics.items() if name.startswith(("loss", "grad"))}


def losses_are_finite(statistics: Mapping[str, Tensor]) -> bool:
    """Whether none of :func:`losses` is NaN or Inf.

    >>> losses_are_finite({"loss_value": torch.tensor(1.0), "q_mean": torch.tensor(float("inf"))})
    True
    """
    return bool(torch.stack(list(losses(statistics).values())).isfinite().all())
