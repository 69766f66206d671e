"""Collected batches, from a TorchRL collector that can be saved between two of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tensordict import TensorDictBase
from tensordict.nn import TensorDictModuleBase
from torchrl.collectors import Collector
from torchrl.envs import EnvBase

from sher_rl import _torchrl
from sher_rl.training.config import RunConfig
from sher_rl.training.env_state import EnvState
from sher_rl.training.threads import one_torch_thread


def frames_of_a_batch(config: RunConfig) -> int:
    """``frames_per_batch``, or the next number that the environments can share evenly."""
    return math.ceil(config.frames_per_batch / config.num_envs) * config.num_envs


class Rollouts:
    """Batches ``[num_envs, time]`` from an exploring policy, without end.

    TorchRL's collector, whose own state dict leaves out the environments and the step it carries over; here they
    are in it, so that episodes may be under way.

    Args:
        config: sizes of a batch, and how much is random.
        env: of :func:`~sher_rl.make_env`, or another; to be saved it needs ``get_state`` and ``set_state``.
        explorer: from :func:`~sher_rl.make_explorer`.
    """

    def __init__(self, config: RunConfig, env: EnvBase, explorer: TensorDictModuleBase) -> None:
        self.batch = frames_of_a_batch(config)
        self._env = env
        self._collector = Collector(
            env,
            explorer,
            frames_per_batch=self.batch,
            total_frames=-1,
            init_random_frames=self.frames_until(config.random_frames),
            policy_device=config.device,
            env_device="cpu",
            storing_device=config.device,
            auto_register_policy_transforms=False,
        )
        self._batches = iter(self._collector)

    def __next__(self) -> TensorDictBase:
        with one_torch_thread():
            return next(self._batches)

    def frames_until(self, frames: int) -> int:
        """The frames of as many whole batches as make up ``frames``."""
        return math.ceil(frames / self.batch) * self.batch

    def columns(self) -> dict[str, float]:
        """What a row of the csv says of the collecting: nothing."""
        return {}

    def close(self) -> None:
        """Close the environments, too."""
        self._collector.shutdown()

    def state_dict(self) -> dict[str, Any]:
        """Counters, exploration, environments, and the step that the next batch begins with."""
        return {
            "collector": self._collector.state_dict(),
            "carried": _torchrl.carried_step(self._collector).to_dict(),
            "env": EnvState(self._env).state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state_dict`, before the first batch."""
        collector = self._collector
        collector.load_state_dict(state["collector"])  # which hands out new trajectory ids
        _torchrl.set_trajectory_count(collector, state["collector"]["traj_pool"])
        _torchrl.set_carried_step(collector, state["carried"])
        EnvState(self._env).load_state_dict(state["env"])
