"""Quaternions (w, x, y, z) and Euler angles, batched, with the conventions of gymnasium-robotics."""

from __future__ import annotations

import torch
from torch import Tensor


def rotation_angle(quaternion: Tensor, other: Tensor) -> Tensor:
    """Angle in radians, 0 to 2π, between unit quaternions (w, x, y, z): ``(B, 4), (B, 4) -> (B, 1)``.

    The Hand tasks' own measure: q and -q, which are one rotation, count as 2π apart.

    >>> import math
    >>> turned = torch.tensor([[math.cos(0.5), math.sin(0.5), 0.0, 0.0]])
    >>> rotation_angle(turned, torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
    tensor([[1.]])
    """
    cosine = (quaternion * other).sum(-1, keepdim=True)
    return 2 * torch.arccos(cosine.clamp(-1.0, 1.0))


def rotation_matrix(quaternion: Tensor) -> Tensor:
    """The rotation as a matrix, whose columns are the turned axes: ``(*, 4)`` as (w, x, y, z) ``-> (*, 3, 3)``.

    The quaternion need not have length 1.

    >>> rotation_matrix(torch.tensor([0.0, 0.0, 0.0, 2.0])).tolist()
    [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    w, x, y, z = (quaternion / torch.linalg.vector_norm(quaternion, dim=-1, keepdim=True)).unbind(-1)
    entries = (
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack(entries, -1).unflatten(-1, (3, 3))


def quaternion_product(left: Tensor, right: Tensor) -> Tensor:
    """The rotation ``right``, and then ``left``: ``(*, 4), (*, 4) -> (*, 4)``, as (w, x, y, z).

    >>> quaternion_product(torch.tensor([0.0, 1.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 1.0, 0.0]))
    tensor([0., 0., 0., 1.])
    """
    w, axis = left.split((1, 3), -1)
    right_w, right_axis = right.split((1, 3), -1)
    product_w = w * right_w - (axis * right_axis).sum(-1, keepdim=True)
    return torch.cat((product_w, w * right_axis + right_w * axis + torch.linalg.cross(axis, right_axis)), -1)


def quaternion_to_euler(quaternion: Tensor) -> Tensor:
    """Angles about x, the turned y and the turned z axis, radians: ``(B, 4)`` as (w, x, y, z) ``-> (B, 3)``.

    The convention of gymnasium-robotics: at the poles (cos y = 0) the x angle is 0.

    >>> import math
    >>> quaternion_to_euler(torch.tensor([[math.cos(0.5), 0.0, 0.0, math.sin(0.5)]]))
    tensor([[-0., 0., 1.]])
    """
    r00, r01, r02, r10, r11, r12, _, _, r22 = rotation_matrix(quaternion).flatten(-2).unbind(-1)
    cos_y = torch.sqrt(r22 * r22 + r12 * r12)
    regular = cos_y > 4 * torch.finfo(torch.float64).eps
    return torch.stack(
        (
            torch.where(regular, -torch.atan2(r12, r22), torch.zeros_like(r22)),
            -torch.atan2(-r02, cos_y),
            torch.where(regular, -torch.atan2(r01, r00), -torch.atan2(-r10, r11)),
        ),
        -1,
    )


def euler_to_quaternion(euler: Tensor) -> Tensor:
    """Inverse of :func:`quaternion_to_euler`: ``(B, 3)`` radians ``-> (B, 4)`` as (w, x, y, z).

    >>> import math
    >>> euler_to_quaternion(torch.tensor([[math.pi, 0.0, 0.0]])).round(decimals=4).abs()
    tensor([[0., 1., 0., 0.]])
    """
    cx, cy, cz = torch.cos(euler / 2).unbind(-1)
    sx, sy, sz = torch.sin(euler / 2).unbind(-1)
    return torch.stack(
        (
            cx * cy * cz - sx * sy * sz,
            sx * cy * cz + cx * sy * sz,
            cx * sy * cz - sx * cy * sz,
            cx * cy * sz + sx * sy * cz,
        ),
        -1,
    )


def roll_pitch_yaw(quaternion: Tensor) -> Tensor:
    """Angles about the fixed x, y and z axis, radians: ``(B, 4)`` as (w, x, y, z) ``-> (B, 3)``.

    They are those of the inverse rotation about turning axes, negated; nothing is unwrapped.

    >>> import math
    >>> roll_pitch_yaw(torch.tensor([[math.cos(0.5), math.sin(0.5), 0.0, 0.0]]))
    tensor([[1., -0., 0.]])
    """
    return -quaternion_to_euler(quaternion * quaternion.new_tensor([1.0, -1.0, -1.0, -1.0]))
