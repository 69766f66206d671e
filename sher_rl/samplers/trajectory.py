"""Sample trajectories by a score, and their steps uniformly."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tensordict import NestedKey
from torch import Tensor
from torchrl.data.replay_buffers import Storage
from torchrl.data.replay_buffers.samplers import Sampler

from sher_rl import _torchrl
from sher_rl.errors import UsageError, check_numbers
from sher_rl.functional.priorities import dense_rank, trajectory_probabilities
from sher_rl.replay.ring import ring_buffer
from sher_rl.samplers.trajectory_table import Trajectories, TrajectoryTable
from sher_rl.untrusted import load_tensors


class TrajectorySampler(Sampler):
    """What the samplers of trajectories share: a table of them, kept up with the writes, and draws from it.

    A step is drawn by its trajectory's probability, :func:`~sher_rl.functional.priorities.trajectory_probabilities`,
    and then uniformly. A trajectory that is partly overwritten keeps its score, and its probability shrinks with
    its rows; one that is unfinished counts with the rows it has. There are no importance weights.

    Args:
        rank: replace scores by their dense rank, from 0 on.
        temperature: τ of the exponent 1 / (τ + 0.01).
        generator: source of the draws, part of the state dict; the default is that of the buffer, or torch's own.
        achieved_goal_key: name in the data, without ``next``.
    """

    def __init__(
        self, rank: bool, temperature: float, generator: torch.Generator | None, achieved_goal_key: NestedKey
    ) -> None:
        check_numbers(temperature=temperature)
        if not temperature >= 0:
            raise UsageError(f"temperature is {temperature}; use 1 as published, or another number of at least 0.")
        key = achieved_goal_key if isinstance(achieved_goal_key, tuple) else (achieved_goal_key,)
        self.rank = rank
        self.temperature = temperature
        self.generator = generator
        self._keys: tuple[NestedKey, NestedKey] = (achieved_goal_key, ("next", *key))
        self._table = TrajectoryTable.empty()
        self._quantiles: tuple[np.ndarray, np.ndarray] | None = None

    @abstractmethod
    def _values(self, trajectories: Trajectories) -> Tensor:
        """What is kept of each trajectory for its score, ``(N,)`` float64."""

    @abstractmethod
    def _scores(self, values: Tensor) -> Tensor:
        """Scores of all stored trajectories, at least 0, ``(N,)``, of what was kept of them."""

    def probabilities(self) -> Tensor:
        """Probability of each stored trajectory, from the oldest on, ``(N,)`` float64."""
        scores = self._scores(self._table.value)
        probability = trajectory_probabilities(dense_rank(scores) if self.rank else scores, self.temperature)
        edges = self._table.edges
        probability[0] *= (edges[1] - edges[0]) / (edges[1] - self._table.begin[0])
        return probability / probability.sum()

    def mark_update(self, index: int | Tensor, *, storage: Storage | None = None) -> None:
        """Take in rows that were written; a buffer calls it after each write."""
        if storage is not None:
            self._follow(storage)

    def sample(self, storage: Storage, batch_size: int) -> tuple[Tensor, dict]:
        """Draw slots, int64 ``(batch_size,)`` on the storage's device.

        Raises:
            UsageError: the storage is empty, or its buffer does not fit.
        """
        if not len(storage):
            raise UsageError("The buffer is empty; write a trajectory before sampling.")
        self._follow(storage)
        if self._quantiles is None:
            self._quantiles = self._distribution()
        chance, edges = self._quantiles
        # Steps of a trajectory are alike, so between its edges the distribution function is a line.
        position = torch.from_numpy(np.interp(self._uniform(batch_size).numpy(), chance, edges)).long()
        slot = position.clamp_(max=self._table.end - self._table.oldest - 1).add_(self._table.oldest)
        return slot.remainder_(storage.max_size).to(storage.device), {}

    def _distribution(self) -> tuple[np.ndarray, np.ndarray]:
        """Probability of a row before each edge of a trajectory, and the rows between the oldest one and the edge."""
        chance = torch.nn.functional.pad(self.probabilities().cumsum(0), (1, 0))
        return (chance / chance[-1]).numpy(), (self._table.edges - self._table.oldest).double().numpy()

    def _uniform(self, n: int) -> Tensor:
        generator = _torchrl.generator_of(self) if self.generator is None else self.generator
        device = "cpu" if generator is None else generator.device
        return torch.rand(n, dtype=torch.float64, generator=generator, device=device).cpu()

    def _follow(self, storage: Storage) -> None:
        """Catch up with the buffer's writer."""
        buffer = ring_buffer(storage)
        written = buffer.write_count
        if written == self._table.written:
            return
        table, fresh = self._table.grown(storage, _torchrl.next_slot(buffer.writer), written)
        if fresh:
            table.value[-fresh:] = self._values(Trajectories.of(storage, table).some(slice(-fresh, None)))
        self._table = table
        self._quantiles = None

    def _empty(self) -> None:
        self._table = TrajectoryTable.empty()
        self._quantiles = None

    def state_dict(self) -> dict[str, Any]:
        """The table, and the state of ``generator``."""
        state: dict[str, Any] = {name: torch.as_tensor(value) for name, value in self._table._asdict().items()}
        return state if self.generator is None else state | {"generator": self.generator.get_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        begin, value, *counts = (state_dict[name].clone() for name in TrajectoryTable._fields)
        self._table = TrajectoryTable(begin, value, *map(int, counts))
        self._quantiles = None
        if self.generator is not None:
            self.generator.set_state(state_dict["generator"].clone())

    def dumps(self, path: str | Path) -> None:
        """Write the state dict into the folder ``path``."""
        Path(path).mkdir(exist_ok=True)
        torch.save(self.state_dict(), Path(path) / "sampler.pt")

    def loads(self, path: str | Path) -> None:
        """Read what :meth:`dumps` wrote."""
        self.load_state_dict(load_tensors((Path(path) / "sampler.pt").read_bytes()))
