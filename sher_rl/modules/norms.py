"""Norms of observations and goals by running statistics."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sher_rl.errors import UsageError
from sher_rl.functional.poses import free_spin_difference, free_spin_waypoint, pose_difference, pose_waypoint
from sher_rl.functional.rotations import rotation_matrix
from sher_rl.functional.sub_task import SubTask
from sher_rl.functional.symmetries import axis_direction, axis_line, cube_axes, rate_in_world
from sher_rl.tasks import PoseGoal, Symmetry, find_task

_ROTATIONS = {"axis": (axis_direction, 3), "line": (axis_line, 5), "cube": (cube_axes, 9)}
"""What stands for a quaternion, and how many numbers that are."""


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


class SymmetricObjectNorm(ObservationNorm):
    """:class:`ObservationNorm` for a symmetric object in a HandManipulate task.

    The observation must end with the object's velocity (6 numbers, the rotation's in the object's frame) and its pose
    (7). The quaternion is replaced by what its symmetric rotations share, and the rate of rotation by that in the
    world's frame (:mod:`sher_rl.functional.symmetries`). So symmetric rotations are one to the networks, as they are to
    physics and rewards.

    Args:
        size: length of an observation.
        symmetry: ``"axis"``, z axis with its direction; ``"line"``, z axis without; ``"cube"``.

    Raises:
        UsageError: there is no such symmetry, or the observation is too short.

    >>> norm = SymmetricObjectNorm(13, "axis")
    >>> len(norm.mean), norm(torch.tensor([0.0] * 9 + [0.6, 0.0, 0.0, 0.8]))[-3:]
    (12, tensor([0., 0., 1.]))
    """

    def __init__(self, size: int, symmetry: Symmetry) -> None:
        if symmetry not in _ROTATIONS:
            raise UsageError(f"symmetry is {symmetry!r:.80}; use one of {', '.join(_ROTATIONS)}.")
        if size < 13:
            raise UsageError(f"size is {size}; the object's velocity and pose alone are 13 numbers.")
        self.rotation, width = _ROTATIONS[symmetry]
        super().__init__(size - 4 + width)
        self.symmetry = symmetry

    @classmethod
    def of_seen(cls, seen: int, symmetry: Symmetry) -> SymmetricObjectNorm:
        """The norm that lets networks see so many numbers."""
        _, width = _ROTATIONS[symmetry]
        return cls(seen + 4 - width, symmetry)

    def forward(self, observation: Tensor) -> Tensor:
        """Normalise what of an observation counts: ``(*batch, size)`` float32 to as many numbers as the mean has."""
        return self.normalize(self.seen(observation))

    def update(self, observation: Tensor) -> None:
        """Add what counts of raw observations ``(*batch, size)`` to the statistics."""
        self.add(self.seen(observation))

    def seen(self, observation: Tensor) -> Tensor:
        """An observation without what symmetric rotations differ in."""
        rest, rate, position, quaternion = observation.split((observation.shape[-1] - 10, 3, 3, 4), -1)
        matrix = rotation_matrix(quaternion)
        return torch.cat((rest, rate_in_world(matrix, rate), position, self.rotation(matrix)), -1)


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

    difference = staticmethod(pose_difference)
    waypoint = staticmethod(pose_waypoint)

    def __init__(self, size: int = 7) -> None:
        super().__init__(size)

    def forward(self, observation: Tensor, desired_goal: Tensor) -> Tensor:
        """Normalise the difference of both poses: ``(*batch, n), (*batch, 7) -> (*batch, 7)``."""
        return self.normalize(self.difference(observation[..., -7:], desired_goal))

    def update(self, observation: Tensor, desired_goal: Tensor) -> None:
        """Add the differences of raw poses to the statistics."""
        self.add(self.difference(observation[..., -7:], desired_goal))


class FreeSpinPoseNorm(PoseNorm):
    """:class:`PoseNorm` for objects whose spin about their own z axis does not count, as in HandManipulatePen.

    Networks then need not learn what does not count (:func:`~sher_rl.functional.poses.free_spin_difference`).

    Args:
        size: length of the vectors, as of :class:`PoseNorm`.

    >>> pose = torch.tensor([[0.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0]])
    >>> spun = torch.tensor([[0.0, 0.2, 0.1, 0.6, 0.0, 0.0, 0.8]])
    >>> FreeSpinPoseNorm()(pose, spun)[:, :4].round(decimals=4)
    tensor([[0.0000, 0.2000, 0.0000, 1.0000]])
    """

    difference = staticmethod(free_spin_difference)
    waypoint = staticmethod(free_spin_waypoint)


class RelayNorm(RunningStatistics):
    """Normalise the goals of a task and of a sub-task, side by side; NaN, no goal, becomes 0.

    Goals of the task alone may be given, too: then the sub-task has none. So a policy acts in the plain environment.

    Args:
        size: length of both goals together.
        sub_task: what is reached counts for the statistics of the sub-task's goals; a policy that only acts needs none.

    >>> norm = RelayNorm(2)
    >>> norm(torch.zeros(2, 5), torch.tensor([[3.0, torch.nan], [torch.nan, 2.0]]))
    tensor([[3., 0.],
            [0., 2.]])
    >>> norm(torch.zeros(1, 5), torch.tensor([[3.0]]))
    tensor([[3., 0.]])
    """

    def __init__(self, size: int, sub_task: SubTask | None = None) -> None:
        super().__init__(size)
        self.sub_task = sub_task

    def forward(self, observation: Tensor, desired_goal: Tensor) -> Tensor:
        """Normalise ``(*batch, size)`` float32, or the task's goals alone; the observation does not matter."""
        absent = len(self.mean) - desired_goal.shape[-1]
        return self.normalize(F.pad(desired_goal, (0, absent), value=torch.nan)).nan_to_num(nan=0.0)

    def update(self, observation: Tensor, desired_goal: Tensor) -> None:
        """Add the task's raw goals, and what the observations reached, to the statistics.

        Raises:
            UsageError: there is no sub-task.
        """
        if self.sub_task is None:
            raise UsageError("sub_task is None, and says what the statistics are of; give RelayNorm one.")
        self.add(torch.cat((desired_goal, self.sub_task.achieved(observation).to(desired_goal)), -1))


AnyGoalNorm = GoalNorm | PoseNorm | FreeSpinPoseNorm | RelayNorm
"""What can stand in front of a goal."""


def make_goal_norm(env_id: str, size: int) -> AnyGoalNorm:
    """The norm that suits the goals of a task.

    Args:
        env_id: gymnasium id; goals of a task that is not known are taken as they are.
        size: length of a goal.

    >>> type(make_goal_norm("HandManipulatePen-v1", 7)).__name__, type(make_goal_norm("FetchPush-v4", 3)).__name__
    ('FreeSpinPoseNorm', 'GoalNorm')
    """
    task = find_task(env_id)
    if task is None or not isinstance(task.goal, PoseGoal):
        return GoalNorm(size)
    return FreeSpinPoseNorm(size) if task.goal.free_spin else PoseNorm(size)


def make_observation_norm(env_id: str, size: int) -> ObservationNorm:
    """The norm that suits the observations of a task.

    Args:
        env_id: gymnasium id; observations of a task that is not known are taken as they are.
        size: length of an observation.

    >>> type(make_observation_norm("HandManipulateEgg-v1", 61)).__name__
    'SymmetricObjectNorm'
    >>> type(make_observation_norm("FetchPush-v4", 25)).__name__
    'ObservationNorm'
    """
    task = find_task(env_id)
    if task is None or not isinstance(task.goal, PoseGoal):
        return ObservationNorm(size)
    return SymmetricObjectNorm(size, task.goal.symmetry)
