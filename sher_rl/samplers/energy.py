"""Energy-based prioritisation: trajectories that gave an object more energy are replayed more."""

from __future__ import annotations

import math
from typing import Any

import torch
from tensordict import NestedKey
from torch import Tensor

from sher_rl.errors import UsageError, is_number
from sher_rl.functional.energy import Physics, trajectory_energy
from sher_rl.samplers.trajectory import TrajectorySampler
from sher_rl.samplers.trajectory_table import Trajectories
from sher_rl.tasks import check_env_id, find_task


class EBPSampler(TrajectorySampler):
    """Sample trajectories by the energy that their object gained, their steps uniformly.

    The score of a trajectory is :func:`~sher_rl.functional.energy.trajectory_energy`. For a buffer that has
    :class:`~sher_rl.HindsightRelabel` with ``mode="read"``, and whose rows have ``achieved_goal`` as well as
    ``("next", "achieved_goal")``.

    The achieved goal has to be an object's position ``(3,)`` in metres, or its pose ``(7,)``, position and
    quaternion (w, x, y, z). That a goal of three numbers is an object's cannot be seen: FetchReach's is the
    gripper's, and its energy only says how fast the robot moved. :meth:`for_task` knows the tasks.

    A trajectory that is partly overwritten keeps its score, and its probability shrinks with its rows; one that is
    unfinished counts with the rows it has. There are no importance weights.

    Args:
        max_gain: what one step counts at most, E_max in joules.
        physics: mass, inertia, time step and weights; the default is the paper's.
        rank: replace energies by their dense rank, from 0 on.
        temperature: τ of the exponent 1 / (τ + 0.01).
        generator: source of the draws, part of the state dict; the default is that of the buffer, or torch's own.
        achieved_goal_key: name in the data, without ``next``.

    Raises:
        UsageError: an argument is out of range; on write, the goals are no poses, a key is missing, or the buffer
            does not keep trajectories.

    Energy-Based Hindsight Experience Prioritization, arXiv:1810.01363.

    >>> from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
    >>> from sher_rl import HindsightRelabel, goal_reward, make_env
    >>> storage = LazyTensorStorage(1000)
    >>> relabel = HindsightRelabel(goal_reward("FetchPush-v4"), storage)
    >>> sampler = EBPSampler.for_task("FetchPush-v4")
    >>> buffer = TensorDictReplayBuffer(storage=storage, sampler=sampler, transform=relabel, batch_size=256)
    >>> _ = buffer.extend(make_env("FetchPush-v4", num_envs=2).rollout(50))
    >>> buffer.sample().shape, sampler.probabilities().shape
    (torch.Size([256]), torch.Size([2]))
    """

    def __init__(
        self,
        *,
        max_gain: float = math.inf,
        physics: Physics | None = None,
        rank: bool = False,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        achieved_goal_key: NestedKey = "achieved_goal",
    ) -> None:
        if max_gain != math.inf and not (is_number(max_gain) and max_gain > 0):
            raise UsageError(f"max_gain is {max_gain!r:.80}; use a positive energy, or math.inf for no bound.")
        super().__init__(rank, temperature, generator, achieved_goal_key)
        self.max_gain = float(max_gain)
        self.physics = physics or Physics()

    @classmethod
    def for_task(cls, env_id: str, **options: Any) -> EBPSampler:
        """Sampler with the published E_max of a Fetch or Hand task: 0.5 PickAndPlace, 2.5 Hand, none otherwise.

        Raises:
            UsageError: the task has no object, or is none of :data:`~sher_rl.TASKS`.

        >>> EBPSampler.for_task("FetchPickAndPlace-v4").max_gain
        0.5
        >>> EBPSampler.for_task("FetchReach-v4")
        Traceback (most recent call last):
        sher_rl.errors.UsageError: env_id 'FetchReach-v4' has no object, whose energy counts; use MEPSampler.
        """
        check_env_id(env_id)
        task = find_task(env_id)
        if task is None:
            raise UsageError(
                f"env_id {env_id!r} is no Fetch or Hand task; if its achieved goal is an object's position or pose, "
                "use EBPSampler(max_gain=...)."
            )
        if task.max_energy_gain is None:
            raise UsageError(f"env_id {env_id!r} has no object, whose energy counts; use MEPSampler.")
        return cls(**{"max_gain": task.max_energy_gain} | options)

    def _values(self, trajectories: Trajectories) -> Tensor:
        before, after = trajectories.steps(*self._keys)
        if after.shape[1:] not in ((3,), (7,)):
            raise UsageError(
                f"The achieved goal has the shape {tuple(after.shape[1:])}; EBPSampler takes an object's position (3,) "
                "or pose (7,), as it is the object's energy that counts, so use MEPSampler or CDPSampler."
            )
        return trajectory_energy(before, after, trajectories.lengths, max_gain=self.max_gain, physics=self.physics)

    def _scores(self, values: Tensor) -> Tensor:
        return values
