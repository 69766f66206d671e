"""Goals that were achieved seldom."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchrl.data import TensorStorage

from sher_rl import _torchrl
from sher_rl.errors import UsageError, check_counts, check_numbers
from sher_rl.functional.goal_sets import log_kernel_density
from sher_rl.samplers.goals.achieved import draw_achieved
from sher_rl.samplers.goals.generator import generator_state, restore_generator

_SMALLEST = 1e-6
"""Standard deviation below which a coordinate does not vary."""


class RareGoals(nn.Module):
    """Propose achieved goals of low density: MEGA, maximum entropy gain exploration (arXiv:2007.02832).

    For each episode some achieved goals are drawn from the buffer, and the one with the lowest density is proposed.
    The density is that of Gaussian kernels on another draw, with each coordinate scaled to a standard deviation of 1.
    All have been achieved, so all can be; MEGA's own cut-off by the critic's value is left out. Before the buffer has
    rows the environment's own goals stay.

    Args:
        storage: the replay buffer's, with ``("next", "achieved_goal")``.
        candidates: goals that are compared for each one proposed.
        sample: goals that the density is estimated from.
        bandwidth: standard deviation of a kernel, of scaled coordinates.
        generator: source of the draws, part of the state dict; the default is torch's own.

    Raises:
        UsageError: a number is out of range.

    >>> from tensordict import TensorDict
    >>> from torchrl.data import LazyTensorStorage
    >>> storage = LazyTensorStorage(100)
    >>> goals = torch.zeros(100, 1)
    >>> goals[7] = 3.0
    >>> storage.set(range(100), TensorDict({"next": {"achieved_goal": goals}}, [100]))
    >>> RareGoals(storage, candidates=1000).propose(torch.zeros(2, 1))
    tensor([[3.],
            [3.]])
    """

    def __init__(
        self,
        storage: TensorStorage,
        *,
        candidates: int = 100,
        sample: int = 1000,
        bandwidth: float = 0.1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_counts(candidates=candidates)
        check_counts(2, sample=sample)
        check_numbers(bandwidth=bandwidth)
        if not bandwidth > 0:
            raise UsageError(f"bandwidth is {bandwidth}; use a number above 0.")
        self.storage = storage
        self.candidates = candidates
        self.sample = sample
        self.bandwidth = bandwidth
        self.generator = generator

    def propose(self, own: Tensor) -> Tensor:
        """Goals ``(N, g)``, as many as ``own``."""
        if not _torchrl.rows_stored(self.storage):
            return own
        sample = draw_achieved(self.storage, self.sample, self.generator)
        candidates = draw_achieved(self.storage, len(own) * self.candidates, self.generator)
        scale = sample.std(0).clamp_min(_SMALLEST)
        density = log_kernel_density(candidates / scale, sample / scale, self.bandwidth)
        rarest = density.reshape(len(own), self.candidates).argmin(1)
        return candidates.reshape(len(own), self.candidates, -1)[torch.arange(len(own)), rarest]

    def learn(self, goal: Tensor, success: Tensor) -> None:
        """Learn nothing: the buffer has what was achieved."""

    def get_extra_state(self) -> dict[str, Any]:
        """State of the generator."""
        return generator_state(self.generator)

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_extra_state` gave."""
        restore_generator(self.generator, state)
