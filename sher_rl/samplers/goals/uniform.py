"""Goals drawn from a box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sher_rl.samplers.goals.box import check_box
from sher_rl.samplers.goals.generator import generator_state, restore_generator


class UniformGoals(nn.Module):
    """Propose goals uniformly from a box, as curricula are compared with: whether they can be reached or not.

    Args:
        low: corner of the box, ``(g,)``.
        high: the opposite corner, likewise.
        generator: source of the draws, part of the state dict; the default is torch's own.

    Raises:
        UsageError: the corners are of no box.

    >>> UniformGoals([0.0, 0.0], [1.0, 2.0], torch.Generator().manual_seed(0)).propose(torch.zeros(1, 2))
    tensor([[0.4963, 1.5364]])
    """

    def __init__(self, low: Sequence[float], high: Sequence[float], generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.low, self.high = check_box(low, high)
        self.generator = generator

    def propose(self, own: Tensor) -> Tensor:
        """Goals ``(N, g)``, as many as ``own``."""
        return self.low + (self.high - self.low) * torch.rand(own.shape, generator=self.generator)

    def learn(self, goal: Tensor, success: Tensor) -> None:
        """Learn nothing."""

    def get_extra_state(self) -> dict[str, Any]:
        """State of the generator."""
        return generator_state(self.generator)

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_extra_state` gave."""
        restore_generator(self.generator, state)
