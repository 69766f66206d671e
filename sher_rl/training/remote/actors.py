"""What runs in the processes of a cluster: each builds the parts of the run, and uses its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torchrl.envs import EnvBase

from sher_rl.training.config import AnyConfig
from sher_rl.training.evaluation import Evaluation
from sher_rl.training.parts import Parts
from sher_rl.training.remote.random_state import Drawn, drawn
from sher_rl.training.replay import Replay
from sher_rl.training.rollouts import Rollouts

Build = Callable[[AnyConfig], Parts]
"""What a recipe calls ``build``."""
MakeTestEnv = Callable[[AnyConfig], EnvBase]
"""From a configuration to the environments of its evaluations."""
Weights = Mapping[str, Tensor]
"""State dict of a policy, with the statistics of its normalisers."""


class CollectorActor:
    """Steps its share of the environments with the weights that it is given.

    Args:
        build: of the recipe.
        config: of the run, with this actor's share of environments and frames.
        seed: of its first environment, and of its own draws.
        threads: that torch computes with.
    """

    def __init__(self, build: Build[AnyConfig], config: AnyConfig, seed: int, threads: int) -> None:
        torch.set_num_threads(threads)
        self._config = config
        self._parts = build(config)
        self._parts.env.set_seed(seed)
        torch.manual_seed(seed)

    @cached_property
    def _rollouts(self) -> Rollouts:
        """Made at its first use, since making it draws random numbers."""
        return Rollouts(self._config, self._parts.env, self._parts.explorer)

    def collect(self, weights: Weights, random: Tensor | None) -> Drawn:
        """The next batch, ``[num_envs, time]``."""
        self._parts.explorer.load_state_dict(weights)
        return drawn(random, lambda: next(self._rollouts))

    def state_dict(self, weights: Weights) -> dict[str, Any]:
        """Environments, counters and, of its own draws, the random state; with the weights as they are by now."""
        self._parts.explorer.load_state_dict(weights)
        return self._rollouts.state_dict() | {"random": torch.get_rng_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state_dict`, before the first batch."""
        self._rollouts.load_state_dict(state)
        if "random" in state:
            torch.set_rng_state(state["random"])


class ReplayActor:
    """Holds the replay buffer: storage, annotation, sampler, relabelling and normalisation.

    Args:
        build: of the recipe.
        config: of the run.
        threads: that torch computes with.
    """

    def __init__(self, build: Build[AnyConfig], config: AnyConfig, threads: int) -> None:
        torch.set_num_threads(threads)
        parts = build(config)
        parts.env.close()
        parts.normalizer.update_on_write = False
        self._normalizer = parts.normalizer
        self._replay = Replay(parts)

    def write(self, steps: TensorDictBase, random: Tensor) -> Drawn:
        """Write collected steps, let their relabelled rows count for the normaliser, and return those."""
        given = drawn(random, lambda: self._replay.write(steps))
        self._normalizer.update(given.value)
        return given

    def sample(self, size: int, random: Tensor) -> Drawn:
        """A batch, relabelled and normalised."""
        return drawn(random, lambda: self._replay.buffer.sample(size))

    def update_tensordict_priority(self, batch: TensorDictBase) -> None:
        """Take in the errors of a batch."""
        self._replay.buffer.update_tensordict_priority(batch)

    def on_cycle(self, frames: int, random: Tensor) -> Drawn:
        """What samplers do after a round of updates."""
        return drawn(random, lambda: self._replay.on_cycle(frames))

    def bytes_of_a_row(self) -> int:
        """What a transition takes."""
        return self._replay.buffer.storage.get([0]).bytes()

    def write_rows(self, folder: Path) -> Any:
        """See :meth:`~sher_rl.checkpoint.buffer.BufferState.write_rows`."""
        return self._replay.state.write_rows(folder)

    def read_rows(self, *args: Any) -> None:
        """See :meth:`~sher_rl.checkpoint.buffer.BufferState.read_rows`."""
        self._replay.state.read_rows(*args)

    def state_dict(self) -> dict[str, Any]:
        """The buffer's state; the normaliser's is in the learner's process, too, which saves it."""
        return self._replay.state.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        self._replay.state.load_state_dict(state)


class EvaluatorActor:
    """Plays the evaluations of a run; see :class:`~sher_rl.training.evaluation.Evaluation`.

    Args:
        build: of the recipe.
        config: of the run.
        make_test_env: from the configuration to the test environments; None makes those of the task.
    """

    def __init__(
        self, build: Build[AnyConfig], config: AnyConfig, make_test_env: MakeTestEnv[AnyConfig] | None
    ) -> None:
        parts = build(config)
        parts.env.close()
        self._policy = parts.policy
        self._evaluation = Evaluation(config, None if make_test_env is None else make_test_env(config))

    def test(self, weights: Weights) -> TensorDictBase:
        """What the test episodes ended in."""
        self._policy.load_state_dict(weights)
        return self._evaluation.test(self._policy)

    def train(self, weights: Weights) -> Tensor:
        """Successes on the first goals of training."""
        self._policy.load_state_dict(weights)
        return self._evaluation.train(self._policy)

    def state_dict(self) -> dict[str, Any]:
        """The environments' states."""
        return self._evaluation.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        self._evaluation.load_state_dict(state)
