"""Density-based prioritisation: trajectories of rarely achieved goals are replayed more."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import NestedKey
from torch import Tensor
from torchrl.data.replay_buffers import Storage

from sher_rl.errors import UsageError, check_counts, check_numbers
from sher_rl.functional.density import complement_density, negative_log_density
from sher_rl.samplers.mixture import Mixture, fit_mixture
from sher_rl.samplers.trajectory import TrajectorySampler
from sher_rl.samplers.trajectory_table import Trajectories

_CHUNK = 2048  # trajectories scored at once: 12 MB of a Hand task's


class DensitySampler(TrajectorySampler):
    """What :class:`CDPSampler` and :class:`MEPSampler` share: a mixture of Gaussians over trajectories."""

    def __init__(
        self,
        *,
        rank: bool = True,
        refit_every: int = 500,
        max_fit: int = 2000,
        max_points: int = 101,
        components: int = 3,
        regularisation: float = 1e-3,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        achieved_goal_key: NestedKey = "achieved_goal",
    ) -> None:
        check_counts(components=components, max_fit=max_fit, refit_every=refit_every)
        check_counts(2, max_points=max_points)  # the first goal and the last
        check_numbers(regularisation=regularisation)
        if components > max_fit:
            raise UsageError(f"components is {components}; use from 1 to max_fit, which is {max_fit}.")
        if not regularisation > 0:
            raise UsageError(f"regularisation is {regularisation}; use a variance above 0.")
        super().__init__(rank, temperature, generator, achieved_goal_key)
        self.refit_every = refit_every
        self.max_fit = max_fit
        self.max_points = max_points
        self.components = components
        self.regularisation = regularisation
        self._mixture: Mixture | None = None
        self._points = 0
        self._fitted = 0

    def refit(self, storage: Storage, *, force: bool = False) -> bool:
        """Fit the density again, and score every stored trajectory by it.

        Does nothing until ``refit_every`` trajectories were begun since the last fit. It takes seconds, so call
        it where training waits anyway, between collecting and updating, with no other thread sampling or writing.

        Args:
            storage: the buffer's.
            force: fit, however few were begun.

        Returns:
            Whether it fitted.

        Raises:
            ImportError: scikit-learn is missing.
            UsageError: ``force`` with fewer stored trajectories than ``components``.
        """
        if len(storage):
            self._follow(storage)
        stored = len(self._table.begin)
        if force and stored < self.components:
            raise UsageError(f"The buffer holds {stored} trajectories; store at least components={self.components}.")
        if stored < self.components or not (force or self._table.begun - self._fitted >= self.refit_every):
            return False
        trajectories = Trajectories.of(storage, self._table)
        self._points = min(int(trajectories.lengths.max()) + 1, self.max_points)
        chosen = self._uniform(stored).argsort()[: self.max_fit]
        seed = int(self._uniform(1) * 2**31)
        vectors = self._vectors(trajectories.some(chosen))
        self._mixture = fit_mixture(vectors, seed, components=self.components, regularisation=self.regularisation)
        self._table = self._table._replace(value=self._values(trajectories))
        self._fitted = self._table.begun
        self._quantiles = None
        return True

    def _vectors(self, trajectories: Trajectories) -> Tensor:
        return trajectories.paths(*self._keys, self._points).double().flatten(1).nan_to_num()

    def _values(self, trajectories: Trajectories) -> Tensor:
        """Log densities by the last fit; all alike before the first one."""
        count = len(trajectories.begin)
        mixture = self._mixture
        if mixture is None:
            return torch.zeros(count, dtype=torch.float64)
        chunks = (trajectories.some(slice(start, start + _CHUNK)) for start in range(0, count, _CHUNK))
        return torch.cat([mixture.log_density(self._vectors(chunk)) for chunk in chunks])

    def _empty(self) -> None:
        super()._empty()
        self._mixture = None
        self._points = 0
        self._fitted = 0

    def state_dict(self) -> dict[str, Any]:
        """The table, the mixture and when it was fitted, and the state of ``generator``."""
        fit = {"points": torch.tensor(self._points), "fitted": torch.tensor(self._fitted)}
        mixture = {} if self._mixture is None else {"mixture": self._mixture._asdict()}
        return super().state_dict() | fit | mixture

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        super().load_state_dict(state_dict)
        self._points = int(state_dict["points"])
        self._fitted = int(state_dict["fitted"])
        mixture = state_dict.get("mixture")
        self._mixture = Mixture(*(mixture[name].clone() for name in Mixture._fields)) if mixture else None


class CDPSampler(DensitySampler):
    """Sample trajectories by how low their density is, its complement: curiosity-driven prioritisation.

    The density is that of a trajectory's achieved goals in a row, by a Bayesian mixture of Gaussians that
    :meth:`refit` fits; scores are :func:`~sher_rl.functional.density.complement_density` and, by default, its dense
    rank. Until the first fit all trajectories are alike; later ones are scored by the last fit.

    For a buffer that has :class:`~sher_rl.HindsightRelabel` with ``mode="read"``, and whose rows have
    ``achieved_goal`` as well as ``("next", "achieved_goal")``. Trajectories of other lengths than the longest are
    stretched to its points. One that is partly overwritten keeps its score, and its probability shrinks with its
    rows; one that is unfinished counts with the rows it has. There are no importance weights.

    Args:
        rank: replace scores by their dense rank, from 0 on; the densest trajectory is then never drawn. Without it,
            the complement is all but uniform among many trajectories.
        refit_every: trajectories to be begun between two fits.
        max_fit: stored trajectories, drawn at random, that a fit uses at most.
        max_points: goals of a trajectory that count at most, evenly spaced.
        components: Gaussians of the mixture.
        regularisation: variance added in each direction, in squared units of the goals.
        temperature: τ of the exponent 1 / (τ + 0.01).
        generator: source of the draws, part of the state dict; the default is that of the buffer, or torch's own.
        achieved_goal_key: name in the data, without ``next``.

    Raises:
        UsageError: an argument is out of range; on write, a key is missing, or the buffer does not keep trajectories.

    Curiosity-Driven Experience Prioritization via Density Estimation, arXiv:1902.08039.

    >>> from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
    >>> from sher_rl import HindsightRelabel, goal_reward, make_env
    >>> storage = LazyTensorStorage(1000)
    >>> relabel = HindsightRelabel(goal_reward("FetchPush-v4"), storage)
    >>> sampler = CDPSampler(refit_every=4)
    >>> buffer = TensorDictReplayBuffer(storage=storage, sampler=sampler, transform=relabel, batch_size=256)
    >>> _ = buffer.extend(make_env("FetchPush-v4", num_envs=4).rollout(50))
    >>> sampler.refit(storage), sampler.refit(storage)
    (True, False)
    >>> buffer.sample().shape
    torch.Size([256])
    """

    def _scores(self, values: Tensor) -> Tensor:
        return complement_density(values)


class MEPSampler(DensitySampler):
    """Sample trajectories by how low their log density is: maximum entropy-regularised prioritisation.

    As :class:`CDPSampler`, whose arguments it has, with :func:`~sher_rl.functional.density.negative_log_density` as
    the score. By rank, the default, both draw alike. With ``rank=False`` this one still tells trajectories apart.

    Raises:
        UsageError: as :class:`CDPSampler`.

    Maximum Entropy-Regularized Multi-Goal Reinforcement Learning, arXiv:1905.08786.

    >>> MEPSampler(rank=False, refit_every=1000).refit_every
    1000
    """

    def _scores(self, values: Tensor) -> Tensor:
        return negative_log_density(values)
