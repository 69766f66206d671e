"""Normalisers of observations and goals by running statistics, and the transform that applies both to a batch."""

from __future__ import annotations

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn
from torchrl.envs import Transform

from sher_rl.errors import UsageError
from sher_rl.functional.poses import pose_difference
from sher_rl.modules.networks import GoalDims


class RunningStatistics(nn.Module):
    """Mean and standard deviation of all vectors so far, as HER's baselines keep them (her/normalizer.py).

    Raw values are clipped to ±200 and the deviation is at least 0.01. Before the first vectors the mean is 0 and the
    deviation 1. What is normalised is clipped to ±5.

    Args:
        size: length of the vectors.

    >>> statistics = RunningStatistics(1)
    >>> statistics.add(torch.tensor([[1.0], [3.0]]))
    >>> statistics.normalize(torch.tensor([[3.0], [900.0]]))
    tensor([[1.],
            [5.]])
    """

    raw_clip = 200.0
    floor = 0.01
    clip = 5.0
    count: Tensor
    total: Tensor
    total_square: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("total", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("total_square", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))

    def normalize(self, value: Tensor) -> Tensor:
        """Normalise ``(*batch, size)`` float32."""
        clipped = value.clamp(-self.raw_clip, self.raw_clip)
        return ((clipped - self.mean) / self.std).clamp(-self.clip, self.clip)

    @torch.no_grad()
    def add(self, value: Tensor) -> None:
        """Add raw vectors ``(*batch, size)``."""
        rows = value.reshape(-1, value.shape[-1]).to(self.total.device).clamp(-self.raw_clip, self.raw_clip).double()
        self.count += len(rows)
        self.total += rows.sum(0)
        self.total_square += rows.square().sum(0)
        mean = self.total / self.count
        variance = self.total_square / self.count - mean.square()
        self.mean.copy_(mean)
        self.std.copy_(variance.clamp_min(self.floor**2).sqrt())


class ObservationNorm(RunningStatistics):
    """Normalise observations by their :class:`RunningStatistics`.

    Args:
        size: length of an observation.

    >>> norm = ObservationNorm(2)
    >>> norm(torch.tensor([[0.5, 900.0]]))
    tensor([[0.5000, 5.0000]])
    """

    def forward(self, observation: Tensor) -> Tensor:
        """Normalise ``(*batch, size)`` float32."""
        return self.normalize(observation)

    def update(self, observation: Tensor) -> None:
        """Add raw observations ``(*batch, size)`` to the statistics."""
        self.add(observation)


class GoalNorm(RunningStatistics):
    """Normalise desired goals, as they are, by their :class:`RunningStatistics`.

    Args:
        size: length of a goal.

    >>> norm = GoalNorm(1)
    >>> norm.update(torch.zeros(2, 5), torch.tensor([[1.0], [3.0]]))
    >>> norm(torch.zeros(1, 5), torch.tensor([[3.0]]))
    tensor([[1.]])
    """

    def forward(self, observation: Tensor, desired_goal: Tensor) -> Tensor:
        """Normalise ``desired_goal``, ``(*batch, size)`` float32; the observation does not matter."""
        return self.normalize(desired_goal)

    def update(self, observation: Tensor, desired_goal: Tensor) -> None:
        """Add raw goals ``(*batch, size)`` to the statistics."""
        self.add(desired_goal)


class PoseNorm(RunningStatistics):
    """Normalise what leads from the object's pose to the desired one, for goals that are poses.

    The pose must end the observation, as it does in HandManipulateBlock, Egg and Pen: 7 numbers, position and
    quaternion. Networks then need not learn to subtract positions and to multiply quaternions
    (:func:`~sher_rl.functional.poses.pose_difference`).

    Args:
        size: length of the vectors, as of :class:`GoalNorm`; a pose has 7.

    >>> pose = torch.tensor([[0.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0]])
    >>> PoseNorm()(pose, pose + torch.tensor([0.0, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0]))
    tensor([[0.0000, 0.2000, 0.0000, 1.0000, 0.0000, 0.0000, 0.0000]])
    """

    def __init__(self, size: int = 7) -> None:
        super().__init__(size)

    def forward(self, observation: Tensor, desired_goal: Tensor) -> Tensor:
        """Normalise the difference of both poses: ``(*batch, n), (*batch, 7) -> (*batch, 7)``."""
        return self.normalize(pose_difference(observation[..., -7:], desired_goal))

    def update(self, observation: Tensor, desired_goal: Tensor) -> None:
        """Add the differences of raw poses to the statistics."""
        self.add(pose_difference(observation[..., -7:], desired_goal))


class GoalNormalizer(Transform):
    """Normalise observations and desired goals by running statistics, which the policy shares.

    As a buffer's transform, behind :class:`~sher_rl.HindsightRelabel`, it replaces ``observation``
    ``(*batch, observation)`` and ``desired_goal`` ``(*batch, goal)`` of a batch, float32, and theirs under ``next``,
    by normalised values in [-5, 5]. What is written to the buffer counts: observations, and goals, desired and achieved
    ones, since hindsight makes desired ones of them. Its two norms, ``observation`` and ``goal``, are what
    :func:`~sher_rl.make_policy` takes (openai/baselines, her/normalizer.py).

    Args:
        dims: sizes of observation and goal.
        goal: norm of the goals, instead of one that takes them as they are; :class:`~sher_rl.PoseNorm` for poses.
        update_on_write: let what is written count; without, only :meth:`update` does. :func:`~sher_rl.train` turns it
            off and gives :meth:`update` the relabelled rows, as HER's baselines do.

    Raises:
        UsageError: ``goal`` is for goals of another length; on write, a key is missing; or it is used as an
            environment's transform.

    >>> normalizer = GoalNormalizer(GoalDims(observation=10, goal=3, action=4))
    >>> normalizer.goal.std.shape
    torch.Size([3])
    """

    def __init__(
        self, dims: GoalDims, goal: GoalNorm | PoseNorm | None = None, *, update_on_write: bool = True
    ) -> None:
        keys = ["observation", "desired_goal", ("next", "observation"), ("next", "desired_goal")]
        super().__init__(in_keys=keys, out_keys=keys)
        self.update_on_write = update_on_write
        self.observation = ObservationNorm(dims.observation)
        self.goal = GoalNorm(dims.goal) if goal is None else goal
        if len(self.goal.mean) != dims.goal:
            raise UsageError(f"goal is a norm of {len(self.goal.mean)} numbers, dims has {dims.goal}; leave it out.")

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Normalise a batch, and leave the one given as it is: ``buffer[:]`` of a full buffer is its storage."""
        batch = tensordict.copy()
        for part in (batch, batch.get("next")):
            observation = part.get("observation")
            part.set("desired_goal", self.goal(observation, part.get("desired_goal")))
            part.set("observation", self.observation(observation))
        return batch

    def _call(self, next_tensordict: TensorDictBase) -> TensorDictBase:
        raise UsageError("GoalNormalizer belongs in a replay buffer, not in an environment; use make_policy there.")

    def _inv_call(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Let what is written count, with the achieved goals, which hindsight will put for desired ones."""
        if self.update_on_write:
            self.update(tensordict)
            achieved_goal = tensordict.get(("next", "achieved_goal"), None)
            if achieved_goal is not None:
                self.goal.update(tensordict.get("observation"), achieved_goal)
        return tensordict

    def update(self, tensordict: TensorDictBase) -> None:
        """Add the raw observations and desired goals of ``tensordict`` to the statistics."""
        observation = _column(tensordict, "observation")
        self.observation.update(observation)
        self.goal.update(observation, _column(tensordict, "desired_goal"))


def _column(tensordict: TensorDictBase, key: str) -> Tensor:
    value = tensordict.get(key, None)
    if value is None:
        raise UsageError(f"The rows lack {key!r}, which GoalNormalizer normalises; write it, too.")
    return value
