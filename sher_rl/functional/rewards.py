"""Rewards of goals that are points or poses, as gymnasium-robotics computes them, for batches of goals."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from sher_rl.functional.poses import goal_distance, pose_errors

RewardFn = Callable[[Tensor, Tensor], Tensor]
"""From achieved and desired goals ``(B, *g)`` to rewards ``(B, 1)``."""


def point_reward(achieved_goal: Tensor, desired_goal: Tensor, *, distance: float) -> Tensor:
    """0 where goals are within ``distance`` metres of each other, -1 elsewhere: ``(B, g), (B, g) -> (B, 1)`` float32.

    >>> import torch
    >>> point_reward(torch.tensor([[0.0, 3.0], [0.0, 0.1]]), torch.tensor([[4.0, 0.0], [0.0, 0.0]]), distance=0.2)
    tensor([[-1.],
            [-0.]])
    """
    return -(goal_distance(achieved_goal.double(), desired_goal.double()) > distance).float()


def dense_point_reward(achieved_goal: Tensor, desired_goal: Tensor) -> Tensor:
    """Minus the distance of goals in metres: ``(B, g), (B, g) -> (B, 1)`` float32.

    >>> import torch
    >>> dense_point_reward(torch.tensor([[0.0, 3.0]]), torch.tensor([[4.0, 0.0]]))
    tensor([[-5.]])
    """
    return -goal_distance(achieved_goal.double(), desired_goal.double()).float()


def pose_reward(
    achieved_goal: Tensor, desired_goal: Tensor, *, distance: float, angle: float, free_spin: bool
) -> Tensor:
    """0 where poses agree in position and in rotation, -1 elsewhere: ``(B, 7), (B, 7) -> (B, 1)`` float32.

    Args:
        achieved_goal: position in metres and quaternion (w, x, y, z).
        desired_goal: likewise.
        distance: metres below which positions agree.
        angle: radians below which rotations agree.
        free_spin: the rotation about the goal's z axis does not count.

    >>> import torch
    >>> pose = torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    >>> pose_reward(pose, pose, distance=0.01, angle=0.1, free_spin=False)
    tensor([[0.]])
    """
    off, turned = pose_errors(achieved_goal, desired_goal, free_spin=free_spin)
    return ((off < distance) & (turned < angle)).float() - 1.0


def dense_pose_reward(achieved_goal: Tensor, desired_goal: Tensor, *, free_spin: bool) -> Tensor:
    """Minus ten times the distance in metres and the angle in radians of poses: ``(B, 7), (B, 7) -> (B, 1)`` float32.

    >>> import torch
    >>> pose = torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    >>> dense_pose_reward(pose, pose + torch.tensor([0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0]), free_spin=False)
    tensor([[-20.]])
    """
    off, turned = pose_errors(achieved_goal, desired_goal, free_spin=free_spin)
    return -(10.0 * off + turned).float()
