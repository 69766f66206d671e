"""Batches that actors of a cluster collect."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Mapping
from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from tensordict.nn import TensorDictModuleBase

from sher_rl.learners.autograd import Learner
from sher_rl.learners.fused.learner import FusedLearner
from sher_rl.training.config import AnyConfig
from sher_rl.training.remote.actors import Build, CollectorActor
from sher_rl.training.remote.cluster import ActorDied, import_ray, result, spawn
from sher_rl.training.remote.random_state import Drawn, taken_back
from sher_rl.training.rollouts import frames_of_a_batch

_LOG = logging.getLogger(__name__)
SEEDS = 50_000
"""Seeds of training environments that a run has; those of test episodes follow."""
TRIES = 3
"""Actors that die one after the other in the same batch, before the run gives up."""


class RemoteRollouts:
    """Batches ``[num_envs, time]``, of which each of several actors collects a share of the environments.

    One actor collects when it is asked, with the random state of this process, so that a run equals the one without a
    cluster to the bit. Several have random states of their own and are one batch ahead: they collect the next while the
    learner learns from this one, with weights from before its updates. How many updates follow a batch is the same.

    An actor that dies is started again, with seeds that no environment had, and collects its share of the batch anew.
    What the dead one had collected of it is lost, and nothing is written twice.

    Args:
        build: of the recipe.
        config: of the run.
        explorer: whose weights the actors get.
        learner: whose steps say how old weights are.
    """

    def __init__(
        self,
        build: Build[AnyConfig],
        config: AnyConfig,
        explorer: TensorDictModuleBase,
        learner: FusedLearner | Learner,
    ) -> None:
        self.batch = frames_of_a_batch(config)
        self.policy_age = 0
        self._build = build
        self._config = config
        self._share = share_of(config)
        self._explorer = explorer
        self._learner = learner
        self._seed = config.train_seed
        self._actors = [self._start() for _ in range(config.actors)]
        self._ahead: list[Any] | None = None
        self._sent = 0

    def _start(self) -> Any:
        """An actor with the next seeds."""
        seed = self._seed
        self._seed += self._share.num_envs
        if self._seed > self._config.train_seed + SEEDS:
            raise ActorDied("actors died so often that no seeds are left for another")
        random_frames = 0 if self._learner.steps else self._share.random_frames
        share = dataclasses.replace(self._share, random_frames=random_frames)
        return spawn(CollectorActor, self._build, share, seed, torch.get_num_threads(), num_cpus=share.num_threads)

    def __next__(self) -> TensorDictBase:
        shares = [self._share_of_batch(number, asked) for number, asked in enumerate(self._ahead or self._ask())]
        self.policy_age = self._learner.steps - self._sent
        if self._alone:
            return taken_back(shares[0])
        self._ahead = self._ask()
        return torch.cat([share.value for share in shares])

    @property
    def _alone(self) -> bool:
        return len(self._actors) == 1

    def _ask(self) -> list[Any]:
        """Ask each actor for a batch with the weights as they are."""
        weights = import_ray().put(dict(self._explorer.state_dict()))
        self._sent = self._learner.steps
        return [self._ask_one(actor, weights) for actor in self._actors]

    def _ask_one(self, actor: Any, weights: Any) -> Any:
        random = torch.get_rng_state() if self._alone else None
        return actor.collect.remote(weights, random)

    def _share_of_batch(self, number: int, asked: Any) -> Drawn:
        """What an actor collected; what another one collects in its place, if it died."""
        for _ in range(TRIES):
            try:
                return result(asked, of=f"collector {number}")
            except ActorDied as death:
                self._replace(number, death)
                asked = self._ask_one(self._actors[number], dict(self._explorer.state_dict()))
        return result(asked, of=f"collector {number}")

    def _replace(self, number: int, death: ActorDied) -> None:
        _LOG.warning("%s; another one goes on, with seeds from %d on.", death, self._seed)
        self._actors[number] = self._start()

    def frames_until(self, frames: int) -> int:
        """The frames of as many whole batches as make up ``frames``."""
        return math.ceil(frames / self.batch) * self.batch

    def columns(self) -> dict[str, float]:
        """What a row of the csv says of several actors: the gradient steps that their policy was behind."""
        return {} if self._alone else {"policy_age": float(self.policy_age)}

    def close(self) -> None:
        """Stop the actors, and their environments with them."""
        for actor in self._actors:
            import_ray().kill(actor)

    def state_dict(self) -> dict[str, Any]:
        """The actors' states; of one, that of :class:`~sher_rl.training.rollouts.Rollouts`.

        What several are collecting meanwhile is finished first, and is part of it.
        """
        if self._ahead is not None:
            shares = [self._share_of_batch(number, asked) for number, asked in enumerate(self._ahead)]
            self._ahead = [import_ray().put(share) for share in shares]
        states = [self._state_of(number) for number in range(len(self._actors))]
        if self._alone:
            return {name: value for name, value in states[0].items() if name != "random"}
        ahead = None if self._ahead is None else [share.value.to_dict() for share in shares]
        return {"actors": states, "ahead": ahead, "age": self._learner.steps - self._sent, "seed": self._seed}

    def _state_of(self, number: int) -> dict[str, Any]:
        weights = dict(self._explorer.state_dict())
        try:
            return result(self._actors[number].state_dict.remote(weights), of=f"collector {number}")
        except ActorDied as death:
            self._replace(number, death)
        return result(self._actors[number].state_dict.remote(weights), of=f"collector {number}")

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state_dict`, before the first batch."""
        states = [state] if self._alone else state["actors"]
        for number, (actor, saved) in enumerate(zip(self._actors, states, strict=True)):
            result(actor.load_state_dict.remote(saved), of=f"collector {number}")
        if self._alone:
            return
        self._seed = state["seed"]
        self._sent = self._learner.steps - state["age"]
        if state["ahead"] is not None:
            size = [self._share.num_envs, self.batch // self._config.num_envs]
            shares = [Drawn(TensorDict(rows, size), torch.empty(0)) for rows in state["ahead"]]
            self._ahead = [import_ray().put(share) for share in shares]


def share_of(config: AnyConfig) -> AnyConfig:
    """The configuration of one actor: its share of environments and frames, on the processor."""
    return dataclasses.replace(
        config,
        num_envs=config.num_envs // config.actors,
        frames_per_batch=frames_of_a_batch(config) // config.actors,
        random_frames=math.ceil(config.random_frames / config.actors),
        num_threads=config.num_threads or 1,
        actors=1,
        device="cpu",
    )
