"""Stein variational gradient descent: where particles move to become samples of a density (arXiv:1608.04471).

Shapes: ``n`` particles at which the density is looked at, ``m`` that move, ``*batch``, ``d`` dimensions.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SMALLEST_BANDWIDTH = 1e-3
"""Of the kernel of particles that have all but met."""


def squashed_score(q_gradient: Tensor, action: Tensor, alpha: Tensor | float) -> Tensor:
    r"""Gradient, before tanh, of the log density of an action :math:`a = \tanh u` that has :math:`e^{Q(a)/\alpha}`.

    .. math:: (1 - a^2)\, \nabla_a Q / \alpha - 2a

    The second term is that of the change of variables. The density of :math:`u` vanishes far out, as Stein's identity
    asks, while that of :math:`a` ends at the walls of the cube.

    >>> squashed_score(torch.tensor([[3.0, 3.0]]), torch.tensor([[0.0, 0.5]]), alpha=0.5)
    tensor([[6.0000, 3.5000]])
    """
    return (1 - action.square()) * q_gradient / alpha - 2 * action


def median_bandwidth(squared_distances: Tensor) -> Tensor:
    r"""Width of the kernel, per batch entry: the median of the squared distances over :math:`\log(n + 1)`.

    ``(n, m, *batch) -> (*batch)``, at least 0.001. With it a particle's sum over the others is about 1
    (arXiv:1608.04471, which has :math:`\log n`).

    >>> median_bandwidth(torch.tensor([[1.0, 4.0, 9.0]]))
    tensor(5.7708)
    """
    median = squared_distances.flatten(0, 1).median(0).values
    return (median / math.log(len(squared_distances) + 1)).clamp(min=SMALLEST_BANDWIDTH)


def rbf_kernel(fixed: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
    r"""Kernel :math:`k(x, y) = e^{-|x - y|^2 / h}` of each pair, and its gradient by :math:`x`.

    Args:
        fixed: x, ``(n, *batch, d)``.
        moved: y, ``(m, *batch, d)``.

    Returns:
        ``(n, m, *batch)`` and ``(n, m, *batch, d)``; the width h is a constant of each batch entry.

    >>> kernel, gradient = rbf_kernel(torch.tensor([[0.0]]), torch.tensor([[1.0]]))
    >>> kernel, gradient
    (tensor([[0.5000]]), tensor([[[0.6931]]]))
    """
    difference = fixed.unsqueeze(1) - moved.unsqueeze(0)
    squared = difference.square().sum(-1)
    width = median_bandwidth(squared)
    kernel = (-squared / width).exp()
    return kernel, -2 * difference * (kernel / width).unsqueeze(-1)


def stein_gradient(scores: Tensor, fixed: Tensor, moved: Tensor) -> Tensor:
    r"""Direction in which particles move: :math:`\frac1n \sum_i k(x_i, y) \nabla \log p(x_i) + \nabla_{x_i} k(x_i, y)`.

    The first term leads uphill, the second keeps particles apart (arXiv:1702.08165, eq. 13, divided by its
    temperature; arXiv:1608.04471).

    Args:
        scores: gradients of the log density at ``fixed``, ``(n, *batch, d)``.
        fixed: ``(n, *batch, d)``.
        moved: ``(m, *batch, d)``.

    Returns:
        ``(m, *batch, d)``, without gradient where the arguments have none.

    >>> stein_gradient(torch.tensor([[-2.0]]), torch.tensor([[0.0]]), torch.tensor([[1.0]]))
    tensor([[-0.3069]])
    """
    kernel, repulsion = rbf_kernel(fixed, moved)
    return (kernel.unsqueeze(-1) * scores.unsqueeze(1) + repulsion).mean(0)


def squashed_log_density(noise: Tensor, jacobian: Tensor, raw: Tensor) -> Tensor:
    r"""Log density of the action :math:`\tanh f(\xi)` of a standard normal :math:`\xi` of its own size.

    .. math:: \log N(\xi; 0, I) - \log |\det \partial f / \partial \xi| - \sum_i \log (1 - \tanh^2 f_i)

    Exact where :math:`f` maps no two noises to one action; else too low, as it counts one of them.

    Args:
        noise: :math:`\xi`, ``(*batch, d)``.
        jacobian: :math:`\partial f / \partial \xi`, ``(*batch, d, d)``.
        raw: :math:`f(\xi)`, ``(*batch, d)``.

    Returns:
        ``(*batch)``.

    >>> squashed_log_density(torch.zeros(1), torch.tensor([[2.0]]), torch.zeros(1))
    tensor(-1.6121)
    """
    normal = -0.5 * (noise.square() + math.log(2 * math.pi)).sum(-1)
    log_slope = 2 * (math.log(2) - raw - torch.nn.functional.softplus(-2 * raw))
    return normal - torch.linalg.slogdet(jacobian).logabsdet - log_slope.sum(-1)
