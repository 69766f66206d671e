"""Sets of goals as points: how dense they lie, and which of them are far from each other."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def log_kernel_density(points: Tensor, sample: Tensor, bandwidth: float) -> Tensor:
    r"""Log density of points by Gaussian kernels on a sample.

    .. math:: \log \frac{1}{N} \sum_i (2 \pi h^2)^{-d/2} \exp\Big(-\frac{\|x - x_i\|^2}{2 h^2}\Big)

    As MEGA has it (arXiv:2007.02832, appendix).

    Args:
        points: x, ``(M, d)``.
        sample: the x_i, ``(N, d)``.
        bandwidth: h, the standard deviation of a kernel, in the units of the points.

    Returns:
        Log densities, ``(M,)``.

    >>> log_kernel_density(torch.tensor([[0.0], [9.0]]), torch.tensor([[0.0], [10.0]]), bandwidth=1.0)
    tensor([-1.6121, -2.1121])
    """
    exponents = torch.cdist(points, sample).square() / (-2 * bandwidth**2)
    constant = points.shape[1] / 2 * math.log(2 * math.pi * bandwidth**2) + math.log(len(sample))
    return exponents.logsumexp(1) - constant


def keep_apart(goals: Tensor, kept: Tensor, distance: float) -> Tensor:
    """Which goals can be added, one after the other, so that no two of all that are kept are closer than a distance.

    The first of goals that are close to each other stays, as in the published code of Goal GAN.

    Args:
        goals: ``(N, d)``, to be added in this order.
        kept: those that are there, ``(K, d)``.
        distance: Euclidean, in the units of the goals.

    Returns:
        bool ``(N,)``.

    >>> keep_apart(torch.tensor([[0.0], [0.2], [0.4], [1.1]]), torch.tensor([[1.0]]), distance=0.3)
    tensor([ True, False,  True, False])
    """
    free = (torch.cdist(goals, kept) >= distance).all(1)
    near = torch.cdist(goals, goals) < distance
    for i in range(len(goals)):
        free[i] &= not (near[i, :i] & free[:i]).any()
    return free
