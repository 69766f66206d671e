"""Evaluations in an actor of a cluster."""

from __future__ import annotations

import dataclasses
from typing import Any

from tensordict import TensorDictBase
from tensordict.nn import TensorDictModuleBase
from torch import Tensor
from torchrl.envs import EnvBase

from sher_rl.training.config import AnyConfig
from sher_rl.training.remote.actors import Build, EvaluatorActor, MakeTestEnv
from sher_rl.training.remote.cluster import import_ray, result, spawn

NAME = "evaluator"


class RemoteEvaluation:
    """The evaluations of a run in an actor; see :class:`~sher_rl.training.evaluation.Evaluation`.

    Args:
        build: of the recipe.
        config: of the run.
        make_test_env: from the configuration to the test environments; None makes those of the task.
    """

    def __init__(
        self, build: Build[AnyConfig], config: AnyConfig, make_test_env: MakeTestEnv[AnyConfig] | None
    ) -> None:
        there = dataclasses.replace(config, device="cpu")
        self._actor = spawn(EvaluatorActor, build, there, make_test_env, num_cpus=1)

    def test(self, policy: TensorDictModuleBase) -> TensorDictBase:
        """What the test episodes ended in, ``[eval_episodes]``."""
        return result(self._actor.test.remote(dict(policy.state_dict())), of=NAME)

    def train(self, policy: TensorDictModuleBase) -> Tensor:
        """Successes on the first goals of training, ``(train_eval_episodes,)``."""
        return result(self._actor.train.remote(dict(policy.state_dict())), of=NAME)

    def state_dict(self) -> dict[str, Any]:
        """The environments' states."""
        return result(self._actor.state_dict.remote(), of=NAME)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        result(self._actor.load_state_dict.remote(state), of=NAME)

    def environments(self) -> dict[str, EnvBase]:
        """Those in this process: none."""
        return {}

    def close(self) -> None:
        """Stop the actor, and its environments with it."""
        import_ray().kill(self._actor)
