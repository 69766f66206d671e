"""How far an achieved goal is from the desired one: positions, and poses with their rotation."""

from __future__ import annotations

import torch
from torch import Tensor

from sher_rl.functional.rotations import (
    euler_to_quaternion,
    quaternion_product,
    quaternion_to_euler,
    rotation_angle,
)


def goal_distance(achieved_goal: Tensor, desired_goal: Tensor) -> Tensor:
    """Euclidean distance over the last dimension, which is kept: ``(B, d), (B, d) -> (B, 1)``.

    >>> goal_distance(torch.tensor([[0.0, 3.0]]), torch.tensor([[4.0, 0.0]]))
    tensor([[5.]])
    """
    return torch.linalg.vector_norm(achieved_goal - desired_goal, dim=-1, keepdim=True)


def pose_errors(achieved_goal: Tensor, desired_goal: Tensor, *, free_spin: bool) -> tuple[Tensor, Tensor]:
    """Distance in metres and angle in radians between poses ``(B, 7)``, both ``(B, 1)``, float64.

    The Hand tasks' own measure, in which q and -q are 2π apart.

    >>> pose = torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    >>> moved = torch.tensor([[3.0, 4.0, 0.0, 0.0, 1.0, 0.0, 0.0]])
    >>> [error.item() for error in pose_errors(pose, moved, free_spin=False)]
    [5.0, 3.141592653589793]
    """
    achieved = achieved_goal.double()
    desired = desired_goal.double()
    distance = goal_distance(achieved[..., :3], desired[..., :3])
    turned = with_spin_of(achieved[..., 3:], desired[..., 3:]) if free_spin else achieved[..., 3:]
    return distance, rotation_angle(turned, desired[..., 3:])


def with_spin_of(quaternion: Tensor, other: Tensor) -> Tensor:
    """The rotation with the last Euler angle, that about its own z axis, of another one: ``(B, 4), (B, 4) -> (B, 4)``.

    >>> upright = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    >>> spun = torch.tensor([[0.0, 0.0, 0.0, 1.0]])
    >>> with_spin_of(upright, spun).abs().round(decimals=4)
    tensor([[0., 0., 0., 1.]])
    """
    xy = quaternion_to_euler(quaternion)[..., :2]
    z = quaternion_to_euler(other)[..., 2:]
    return euler_to_quaternion(torch.cat((xy, z), -1))


def free_spin_difference(achieved_goal: Tensor, desired_goal: Tensor) -> Tensor:
    """:func:`pose_difference` where spin about the object's own z axis does not count: ``(*, 7), (*, 7) -> (*, 7)``.

    The achieved pose first takes the desired one's spin, so that w is the cosine of half the angle that
    :func:`pose_errors` has with ``free_spin``.

    >>> pose = torch.tensor([0.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0])
    >>> spun = torch.tensor([0.0, 0.2, 0.1, 0.6, 0.0, 0.0, 0.8])
    >>> way, turn = free_spin_difference(pose, spun).split((3, 4))
    >>> way, round(turn[0].item(), 4)
    (tensor([0.0000, 0.2000, 0.0000]), 1.0)
    """
    turned = with_spin_of(achieved_goal[..., 3:], desired_goal[..., 3:])
    return pose_difference(torch.cat((achieved_goal[..., :3], turned), -1), desired_goal)


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
    w, axis = achieved_goal[..., 3:].split((1, 3), -1)
    desired_w, desired_axis = desired_goal[..., 3:].split((1, 3), -1)
    cosine = w * desired_w + (axis * desired_axis).sum(-1, keepdim=True)
    turn = w * desired_axis - desired_w * axis - torch.linalg.cross(desired_axis, axis)
    return torch.cat((way, cosine, turn), -1)


def pose_waypoint(achieved_goal: Tensor, desired_goal: Tensor, angle: float) -> Tensor:
    """The desired pose, turned back to where it is at most ``angle`` radians from the achieved one.

    On the shortest way from one rotation to the other, by the measure of :func:`pose_errors`; the position is the
    desired one. ``(*batch, 7), (*batch, 7) -> (*batch, 7)``.

    Args:
        achieved_goal: where the object is.
        desired_goal: where it should be; returned as it is where it is not too far, and where it is 2π away (q and
            -q), since every way is as short then.
        angle: radians.

    >>> pose = torch.tensor([0.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0])
    >>> turned = torch.tensor([0.0, 0.2, 0.1, 0.0, 1.0, 0.0, 0.0])
    >>> pose_waypoint(pose, turned, torch.pi / 2)
    tensor([0.0000, 0.2000, 0.1000, 0.7071, 0.7071, 0.0000, 0.0000])
    """
    _, w, turn = pose_difference(achieved_goal, desired_goal).split((3, 1, 3), -1)
    sine = torch.linalg.vector_norm(turn, dim=-1, keepdim=True)
    half = torch.atan2(sine, w)
    less = half.clamp(max=angle / 2)
    step = torch.cat((less.cos(), turn * (less.sin() / sine.clamp_min(1e-9))), -1)
    rotation = quaternion_product(step, achieved_goal[..., 3:])
    rotation = torch.where((less < half) & (sine > 0), rotation, desired_goal[..., 3:])
    return torch.cat((desired_goal[..., :3], rotation), -1)


def free_spin_waypoint(achieved_goal: Tensor, desired_goal: Tensor, angle: float) -> Tensor:
    """:func:`pose_waypoint` where spin about the object's own z axis does not count: ``(*, 7), (*, 7) -> (*, 7)``.

    The achieved pose first takes the desired one's spin, and ``angle`` is that of the way from there. By the measure of
    :func:`pose_errors` with ``free_spin`` it can be another, since the waypoint has another spin than the goal.

    >>> pose = torch.tensor([0.0, 0.0, 0.1, 0.6, 0.0, 0.0, 0.8])
    >>> turned = torch.tensor([0.0, 0.2, 0.1, 0.0, 1.0, 0.0, 0.0])
    >>> free_spin_waypoint(pose, turned, torch.pi / 2)
    tensor([0.0000, 0.2000, 0.1000, 0.7071, 0.7071, 0.0000, 0.0000])
    """
    turned = with_spin_of(achieved_goal[..., 3:], desired_goal[..., 3:])
    return pose_waypoint(torch.cat((achieved_goal[..., :3], turned), -1), desired_goal, angle)
