"""A least-squares GAN over goals."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sher_rl.errors import UsageError, check_counts, check_numbers
from sher_rl.functional.goal_gan import discriminator_loss, generator_loss
from sher_rl.samplers.goals.box import check_box

NOISE = 4
"""Numbers that the generator makes a goal of."""


class LeastSquaresGAN(nn.Module):
    """Generator and discriminator of goals in a box, with the published sizes, losses and optimiser.

    The generator has two layers of 256 ReLU units and tanh, whose range is the box; the discriminator two of 128 leaky
    ReLU units (slope 0.2). RMSProp moves both.

    Args:
        low: corner of the box, ``(g,)``.
        high: the opposite corner, likewise.
        lr: step size of RMSProp.
        batch_size: goals of each kind in a step, labelled and generated.
        generator: source of the draws; the default is torch's own, which the initial weights come from in any case.

    Raises:
        UsageError: the corners are of no box, or a number is out of range.

    Florensa et al., ICML 2018, arXiv:1705.06366, section 4.2 and the published code.

    >>> gan = LeastSquaresGAN([-5.0, -5.0], [5.0, 5.0])
    >>> gan.train_on(torch.zeros(100, 2), torch.ones(100, dtype=torch.bool), steps=2)
    >>> gan.sample(3).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        low: Sequence[float],
        high: Sequence[float],
        *,
        lr: float = 1e-3,
        batch_size: int = 64,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_numbers(lr=lr)
        check_counts(batch_size=batch_size)
        if not lr > 0:
            raise UsageError(f"lr is {lr}; use a number above 0.")
        below, above = check_box(low, high)
        self.center = (below + above) / 2
        self.half_width = (above - below) / 2
        size = len(below)
        self.maker = nn.Sequential(
            nn.Linear(NOISE, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, size), nn.Tanh()
        )
        self.judge = nn.Sequential(
            nn.Linear(size, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1)
        )
        self.batch_size = batch_size
        self.generator = generator
        self._optimizers = [torch.optim.RMSprop(net.parameters(), lr) for net in (self.maker, self.judge)]

    @torch.no_grad()
    def sample(self, count: int) -> Tensor:
        """Goals ``(count, g)`` of the generator."""
        return self.center + self.half_width * self._make(count)

    @torch.enable_grad()  # collectors turn gradients off
    def train_on(self, goals: Tensor, good: Tensor, steps: int) -> None:
        """Take steps of the discriminator and of the generator in turn.

        Args:
            goals: that were attempted, ``(N, g)``.
            good: their labels, bool ``(N,)``.
            steps: of each.
        """
        inside = (goals - self.center) / self.half_width
        make_step, judge_step = self._optimizers
        for _ in range(steps):
            row = torch.randint(len(goals), (self.batch_size,), generator=self.generator)
            with torch.no_grad():
                made = self._make(self.batch_size)
            scores = self.judge(torch.cat((inside[row], made))).squeeze(1)
            _descend(judge_step, discriminator_loss(scores[: len(row)], good[row], scores[len(row) :]))
            _descend(make_step, generator_loss(self.judge(self._make(self.batch_size))))

    def _make(self, count: int) -> Tensor:
        return self.maker(torch.randn(count, NOISE, generator=self.generator))

    def get_extra_state(self) -> dict[str, Any]:
        """State of the optimisers."""
        return {"optimizers": [copy.deepcopy(optimizer.state_dict()) for optimizer in self._optimizers]}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_extra_state` gave."""
        for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
