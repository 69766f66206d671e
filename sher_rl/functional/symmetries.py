"""What a symmetric object's rotation is, without what cannot be told apart: numbers that its symmetric rotations share.

An egg that is spun about its long axis feels the same to a hand. So a network that sees these numbers, and rates in the
world's frame, has nothing to learn about the spin. Angles to a goal stay what they are: see
:func:`~sher_rl.functional.poses.pose_difference`, which is the same for ``(q s, g s)`` as for ``(q, g)``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sher_rl.functional.rotations import rotation_matrix


def axis_direction(quaternion: Tensor) -> Tensor:
    """Direction of the z axis: all that spin about it leaves, as of a capsule whose ends count: ``(*, 4) -> (*, 3)``.

    >>> axis_direction(torch.tensor([0.6, 0.0, 0.0, 0.8]))
    tensor([0., 0., 1.])
    """
    return torch.stack([row[2] for row in rotation_matrix(quaternion)], -1)


def axis_line(quaternion: Tensor) -> Tensor:
    """The z axis without its direction, as of an egg with equal ends: ``(*, 4) -> (*, 5)``.

    Of the axis n these are the products xx, yy, xy, xz and yz; zz follows from them.

    >>> axis_line(torch.tensor([0.0, 1.0, 0.0, 0.0])) + 0.0
    tensor([0., 0., 0., 0., 0.])
    """
    x, y, z = axis_direction(quaternion).unbind(-1)
    return torch.stack((x * x, y * y, x * y, x * z, y * z), -1)


def cube_axes(quaternion: Tensor) -> Tensor:
    """The three axes in no order and without directions, as of a cube: ``(*, 4) -> (*, 9)``.

    Of the sum of n ⊗ n ⊗ n ⊗ n over the axes these are the entries iiii and iiij; the others follow from them, since
    the axes are at right angles.

    >>> cube_axes(torch.tensor([1.0, 0.0, 0.0, 0.0]))
    tensor([1., 1., 1., 0., 0., 0., 0., 0., 0.])
    """
    rows = torch.stack([torch.stack(row, -1) for row in rotation_matrix(quaternion)], -2)
    entries = rows.pow(3) @ rows.mT
    return entries.flatten(-2)[..., [0, 4, 8, 1, 2, 3, 5, 6, 7]]


def rate_in_world(quaternion: Tensor, rate: Tensor) -> Tensor:
    """Angular velocity in the world's frame of one in the object's, as MuJoCo's free joints have it: ``(*, 3)``.

    >>> rate_in_world(torch.tensor([0.0, 1.0, 0.0, 0.0]), torch.tensor([1.0, 2.0, 3.0]))
    tensor([ 1., -2., -3.])
    """
    x, y, z = rate.unbind(-1)
    return torch.stack([row[0] * x + row[1] * y + row[2] * z for row in rotation_matrix(quaternion)], -1)
