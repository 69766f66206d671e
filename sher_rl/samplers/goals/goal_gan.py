"""Goals of intermediate difficulty, from a generative model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchrl.data import TensorStorage

from sher_rl import _torchrl
from sher_rl.errors import UsageError, check_counts, check_numbers
from sher_rl.functional.goal_gan import is_intermediate
from sher_rl.functional.goal_sets import keep_apart
from sher_rl.samplers.goals.achieved import draw_achieved
from sher_rl.samplers.goals.box import check_box
from sher_rl.samplers.goals.gan import LeastSquaresGAN
from sher_rl.samplers.goals.generator import generator_state, restore_generator

VISITED = 10_000
"""Achieved goals that the GAN is trained on at first."""


class GoalGAN(nn.Module):
    """Propose goals that are neither too hard nor mastered: Goal GAN (Florensa et al., ICML 2018, arXiv:1705.06366).

    It goes by iterations. In each there is a pool of goals: some of a GAN, with noise, and some from a replay of goals
    that were good. The pool is dealt out in turn. When each of its goals has been attempted often enough, those with
    ``r_min < success rate < r_max`` are good. The GAN is trained on the latest labels, good goals are added to the
    replay, which keeps them apart, and the next iteration begins. If none is good, the GAN stays as it is.

    Before the first iteration the GAN is trained on goals achieved so far; before there are any, the environment's own
    goals stay.

    Args:
        low: corner of the box that goals lie in, ``(g,)``.
        high: the opposite corner, likewise.
        storage: the replay buffer's, with ``("next", "achieved_goal")``.
        pool: goals of an iteration.
        replayed: share of the pool that comes from the replay, if it has as many.
        attempts: of each goal before it is labelled.
        r_min: success rate that a good goal is above.
        r_max: success rate that a good goal is below.
        noise: standard deviation of Gaussian noise on the GAN's goals, in their own units.
        apart: Euclidean distance that goals of the replay keep from each other, likewise.
        memory: labelled goals that the GAN is trained on, the latest. With those of one small pool alone it makes goals
            of one place.
        steps: of both networks in an iteration.
        first_steps: of both networks before the first iteration.
        generator: source of the draws, part of the state dict; the default is torch's own, which the initial weights
            come from in any case.

    Raises:
        UsageError: a number is out of range.

    >>> from torchrl.data import LazyTensorStorage
    >>> gan = GoalGAN([-5.0, -5.0], [5.0, 5.0], LazyTensorStorage(100))
    >>> gan.propose(torch.ones(1, 2))  # nothing has been achieved yet
    tensor([[1., 1.]])
    """

    def __init__(
        self,
        low: Sequence[float],
        high: Sequence[float],
        storage: TensorStorage,
        *,
        pool: int = 300,
        replayed: float = 1 / 3,
        attempts: int = 3,
        r_min: float = 0.1,
        r_max: float = 0.9,
        noise: float = 0.5,
        apart: float = 0.3,
        memory: int = 300,
        steps: int = 100,
        first_steps: int = 500,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_counts(pool=pool, attempts=attempts, memory=memory, steps=steps, first_steps=first_steps)
        _check_ranges(replayed, r_min, r_max, noise, apart)
        self.low, self.high = check_box(low, high)
        self.gan = LeastSquaresGAN(low, high, generator=generator)
        self.storage = storage
        self.pool = pool
        self.replayed = replayed
        self.attempts = attempts
        self.good_rates = (r_min, r_max)
        self.noise = noise
        self.apart = apart
        self.memory = memory
        self.steps = steps
        self.first_steps = first_steps
        self.generator = generator
        self.replay = torch.empty(0, len(self.low))
        self._labelled = self.replay
        self._good = torch.empty(0, dtype=torch.bool)
        self._begin(self.replay)

    def propose(self, own: Tensor) -> Tensor:
        """Goals ``(N, g)``, as many as ``own``: the next of the pool, in turn."""
        if not len(self._goals) and _torchrl.rows_stored(self.storage):
            visited = draw_achieved(self.storage, VISITED, self.generator)
            self.gan.train_on(visited, torch.ones(VISITED, dtype=torch.bool), self.first_steps)
            self._begin(self._new_pool())
        return self._deal(len(own)) if len(self._goals) else own

    def _deal(self, count: int) -> Tensor:
        turn = (self._dealt + torch.arange(count)) % len(self._goals)
        self._dealt += count
        return self._goals[turn]

    def learn(self, goal: Tensor, success: Tensor) -> None:
        """Count attempts at goals of the pool, and end the iteration if all have had theirs."""
        attempt = (goal.unsqueeze(1) == self._goals).all(-1)
        self._attempts += attempt.sum(0)
        self._successes += (attempt & success.unsqueeze(1)).sum(0)
        if len(self._goals) and self._attempts.min() >= self.attempts:
            self._end()

    def _end(self) -> None:
        """Label the pool, learn from the latest labels, and begin the next iteration."""
        good = is_intermediate(self._successes / self._attempts, *self.good_rates)
        self._labelled = torch.cat((self._labelled, self._goals))[-self.memory :]
        self._good = torch.cat((self._good, good))[-self.memory :]
        if good.any():
            self.gan.train_on(self._labelled, self._good, self.steps)
            chosen = self._goals[good]
            self.replay = torch.cat((self.replay, chosen[keep_apart(chosen, self.replay, self.apart)]))
        self._begin(self._new_pool())

    def _new_pool(self) -> Tensor:
        """Goals for an iteration, none twice, in random order."""
        old = self._permuted(self.replay)[: round(self.pool * self.replayed)]
        new = self.gan.sample(self.pool - len(old))
        noise = self.noise * torch.randn(new.shape, generator=self.generator)
        return self._permuted(torch.cat((old, new + noise)).clamp(self.low, self.high).unique(dim=0))

    def _permuted(self, goals: Tensor) -> Tensor:
        return goals[torch.randperm(len(goals), generator=self.generator)]

    def _begin(self, goals: Tensor) -> None:
        self._goals = goals
        self._attempts = torch.zeros(len(goals), dtype=torch.int64)
        self._successes = torch.zeros(len(goals), dtype=torch.int64)
        self._dealt = 0

    def get_extra_state(self) -> dict[str, Any]:
        """The pool with its counts, the replay, and the state of the generator."""
        return {
            "goals": self._goals,
            "attempts": self._attempts.clone(),
            "successes": self._successes.clone(),
            "dealt": self._dealt,
            "replay": self.replay,
            "labelled": self._labelled,
            "good": self._good,
            **generator_state(self.generator),
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_extra_state` gave."""
        self._begin(state["goals"])
        self._attempts = state["attempts"].clone()
        self._successes = state["successes"].clone()
        self._dealt = state["dealt"]
        self.replay = state["replay"]
        self._labelled = state["labelled"]
        self._good = state["good"]
        restore_generator(self.generator, state)


def _check_ranges(replayed: float, r_min: float, r_max: float, noise: float, apart: float) -> None:
    check_numbers(replayed=replayed, r_min=r_min, r_max=r_max, noise=noise, apart=apart)
    if not 0 <= replayed < 1:
        raise UsageError(f"replayed is {replayed}; use a number from 0 to below 1.")
    if min(noise, apart) < 0:
        raise UsageError(f"noise is {noise} and apart is {apart}; use numbers of at least 0.")
    if not r_min < r_max:
        raise UsageError(f"r_min is {r_min} and r_max is {r_max}; use r_min below r_max.")
