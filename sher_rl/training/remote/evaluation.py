"""Evaluations in an actor of a cluster."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from tensordict import TensorDictBase
from tensordict.nn import TensorDictModuleBase
from torch import Tensor
from torchrl.envs import EnvBase

from sher_rl.training.config import AnyConfig
from sher_rl.training.remote.actors import Build, EvaluatorActor, MakeTestEnv
from sher_rl.training.remote.cluster import ActorDied, import_ray, result, spawn

NAME = "evaluator"
_LOG = logging.getLogger(__name__)


class RemoteEvaluation:
    """The evaluations of a run in an actor; see :class:`~sher_rl.training.evaluation.Evaluation`.

    Where the actor dies another one takes its place: what is played depends on seeds alone.

    Args:
        build: of the recipe.
        config: of the run.
        make_test_env: from the configuration to the test environments; None makes those of the task.
    """

    def __init__(
        self, build: Build[AnyConfig], config: AnyConfig, make_test_env: MakeTestEnv[AnyConfig] | None
    ) -> None:
        self._made_of = (build, dataclasses.replace(config, device="cpu"), make_test_env)
        self._actor = self._start()

    def _start(self) -> Any:
        return spawn(EvaluatorActor, *self._made_of, num_cpus=1)

    def _call(self, name: str, *args: Any) -> Any:
        """Call a method of the actor; once more, of another one, where it died."""
        try:
            return result(getattr(self._actor, name).remote(*args), of=NAME)
        except ActorDied as death:
            _LOG.warning("%s; another one goes on.", death)
            self._actor = self._start()
        return result(getattr(self._actor, name).remote(*args), of=NAME)

    def test(self, policy: TensorDictModuleBase) -> TensorDictBase:
        """What the test episodes ended in, ``[eval_episodes]``."""
        return self._call("test", dict(policy.state_dict()))

    def train(self, policy: TensorDictModuleBase) -> Tensor:
        """Successes on the first goals of training, ``(train_eval_episodes,)``."""
        return self._call("train", dict(policy.state_dict()))

    def state_dict(self) -> dict[str, Any]:
        """The environments' states."""
        return self._call("state_dict")

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        self._call("load_state_dict", state)

    def environments(self) -> dict[str, EnvBase]:
        """Those in this process: none."""
        return {}

    def close(self) -> None:
        """Stop the actor, and its environments with it."""
        import_ray().kill(self._actor)
