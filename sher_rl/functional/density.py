"""How rare a trajectory is, by its log density, as pure tensor functions.

Scores are of CDP (arXiv:1902.08039) and MEP (arXiv:1905.08786), for a variational mixture of Gaussians.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def complement_density(log_density: Tensor) -> Tensor:
    r"""CDP's score :math:`1 - \rho_i`, with the densities normalised to :math:`\sum_i \rho_i = 1`: ``(N,) -> (N,)``.

    >>> complement_density(torch.tensor([0.5, 0.25, 0.25]).log())
    tensor([0.5000, 0.7500, 0.7500])
    """
    return 1.0 - log_density.softmax(0)


def negative_log_density(log_density: Tensor) -> Tensor:
    r"""MEP's score :math:`\max_j \log p_j - \log p_i`, 0 for the densest trajectory: ``(N,) -> (N,)``.

    >>> negative_log_density(torch.tensor([-1.0, -3.0, 2.0]))
    tensor([3., 5., 0.])
    """
    return log_density.max() - log_density


def gaussian_constants(factors: Tensor, freedom: Tensor, precision: Tensor, counts: Tensor) -> Tensor:
    r"""Expected log weight and log normaliser of each Gaussian under a variational posterior, ``(K,)``.

    .. math:: \psi(c_k) - \psi(\textstyle\sum c) - \tfrac d2 \log 2\pi
        + \tfrac12 \Big(\sum_{i=1}^d \psi\big(\tfrac{\nu_k + 1 - i}{2}\big) + d \log 2 + \log|W_k|
        - \tfrac{d}{\beta_k}\Big)

    Bishop, Pattern Recognition and Machine Learning (2006), equations 10.64 to 10.66.

    Args:
        factors: Cholesky factors of the expected precisions :math:`\nu_k W_k`, ``(K, d, d)``.
        freedom: degrees of freedom ν of the Wisharts, ``(K,)``.
        precision: β of the means, ``(K,)``.
        counts: concentrations c of the weights, ``(K,)``.

    >>> one = torch.ones(1, dtype=torch.float64)
    >>> gaussian_constants(one.reshape(1, 1, 1), 2 * one, one, one)  # (-log 2π + ψ(1) + log 2 - log 2 - 1) / 2
    tensor([-1.7075], dtype=torch.float64)
    """
    d = factors.shape[-1]
    log_det = 2 * factors.diagonal(dim1=-2, dim2=-1).log().sum(-1) - d * freedom.log()
    halves = (freedom.unsqueeze(-1) - torch.arange(d)) / 2
    log_precision = halves.digamma().sum(-1) + d * math.log(2.0) + log_det
    weight = counts.digamma() - counts.sum().digamma()
    return weight + (log_precision - d * math.log(2 * math.pi) - d / precision) / 2
