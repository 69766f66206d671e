"""How far a manipulated object is from the pose it should have: position and rotation, apart and together."""

from __future__ import annotations

import torch
from torch import Tensor

from sher_rl.functional.targets import euler_to_quaternion, goal_distance, quaternion_to_euler, rotation_angle


def pose_errors(achieved_goal: Tensor, desired_goal: Tensor, *, free_spin: bool) -> tuple[Tensor, Tensor]:
    """Distance in metres and angle in radians between poses ``(B, 7)``, both ``(B, 1)``, float64.

    The Hand tasks' own measure, in which q and -q are 2π apart.

    >>> pose = torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    >>> moved = torch.tensor([[3.0, 4.0, 0.0, 0.0, 1.0, 0.0, 0.0]])
    >>> [error.item() for error in pose_errors(pose, moved, free_spin=False)]
    [5.0, 3.141592653589793]
    """
    achieved, desired = achieved_goal.double(), desired_goal.double()
    achieved_q, desired_q = achieved[..., 3:], desired[..., 3:]
    if free_spin:
        xy, z = quaternion_to_euler(achieved_q)[..., :2], quaternion_to_euler(desired_q)[..., 2:]
        achieved_q = euler_to_quaternion(torch.cat((xy, z), -1))
    return goal_distance(achieved[..., :3], desired[..., :3]), rotation_angle(achieved_q, desired_q)


def pose_difference(achieved_goal: Tensor, desired_goal: Tensor) -> Tensor:
    """What leads from one pose to another: ``(*batch, 7), (*batch, 7) -> (*batch, 7)``.

    The way in metres, and the rotation in the world's frame as a quaternion ``desired · achieved⁻¹``, whose w is the
    cosine of half the angle of :func:`pose_errors`; where that angle is over π, w is negative.

    >>> pose = torch.tensor([0.0, 0.0, 0.1, 0.0, 1.0, 0.0, 0.0])
    >>> moved = torch.tensor([0.0, 0.2, 0.1, 0.0, 0.0, 1.0, 0.0])
    >>> pose_difference(pose, moved)
    tensor([0.0000, 0.2000, 0.0000, 0.0000, 0.0000, 0.0000, 1.0000])
    """
    way = desired_goal[..., :3] - achieved_goal[..., :3]
    w, axis = achieved_goal[..., 3:4], achieved_goal[..., 4:]
    desired_w, desired_axis = desired_goal[..., 3:4], desired_goal[..., 4:]
    cosine = w * desired_w + (axis * desired_axis).sum(-1, keepdim=True)
    turn = w * desired_axis - desired_w * axis - torch.linalg.cross(desired_axis, axis)
    return torch.cat((way, cosine, turn), -1)
