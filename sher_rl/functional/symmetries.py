"""What a symmetric object's rotation is, without what cannot be told apart: numbers that its symmetric rotations share.

All of them are of the rotation as a matrix (:func:`~sher_rl.functional.rotations.rotation_matrix`).

An egg that is spun about its long axis feels the same to a hand. So a network that sees these numbers, and rates in the
world's frame, has nothing to learn about the spin. Angles to a goal stay what they are: see
:func:`~sher_rl.functional.poses.pose_difference`, which is the same for ``(q s, g s)`` as for ``(q, g)``.
"""

from __future__ import annotations

import torch
from torch import Tensor


def axis_direction(matrix: Tensor) -> Tensor:
    """Direction of the z axis: what spin about it leaves, as of a capsule whose ends count: ``(*, 3, 3) -> (*, 3)``.

    >>> axis_direction(torch.eye(3))
    tensor([0., 0., 1.])
    """
    return matrix[..., 2]


def axis_line(matrix: Tensor) -> Tensor:
    """The z axis without its direction, as of an egg with equal ends: ``(*, 3, 3) -> (*, 5)``.

    Of the axis n these are the products xx, yy, xy, xz and yz; zz follows from them.

    >>> axis_line(-torch.eye(3)) + 0.0
    tensor([0., 0., 0., 0., 0.])
    """
    x, y, z = axis_direction(matrix).unbind(-1)
    return torch.stack((x * x, y * y, x * y, x * z, y * z), -1)


def cube_axes(matrix: Tensor) -> Tensor:
    """The three axes in no order and without directions, as of a cube: ``(*, 3, 3) -> (*, 9)``.

    Of the sum of n ⊗ n ⊗ n ⊗ n over the axes these are the entries iiii and iiij; the others follow from them, since
    the axes are at right angles.

    >>> cube_axes(torch.eye(3))
    tensor([1., 1., 1., 0., 0., 0., 0., 0., 0.])
    """
    entries = matrix.pow(3) @ matrix.mT
    return entries.flatten(-2)[..., [0, 4, 8, 1, 2, 3, 5, 6, 7]]


def rate_in_world(matrix: Tensor, rate: Tensor) -> Tensor:
    """Angular velocity in the world's frame of one in the object's, as MuJoCo's free joints have it: ``(*, 3)``.

    >>> rate_in_world(torch.diag(torch.tensor([1.0, -1.0, -1.0])), torch.tensor([1.0, 2.0, 3.0]))
    tensor([ 1., -2., -3.])
    """
    return (matrix @ rate.unsqueeze(-1)).squeeze(-1)
