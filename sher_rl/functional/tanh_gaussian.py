"""The policy's distribution: a Gaussian before tanh, with its scale and its density."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

SCALE_SHIFT = math.log(math.e - 1)
"""Where softplus is 1."""


def policy_scale(raw: Tensor) -> Tensor:
    """Standard deviation of the Gaussian before tanh: softplus, shifted to be 1 at 0, and at least 1e-4.

    >>> policy_scale(torch.tensor([0.0, -100.0]))
    tensor([1.0001e+00, 1.0000e-04])
    """
    return softplus(raw + SCALE_SHIFT) + 1e-4


def policy_scale_slope(raw: Tensor) -> Tensor:
    """Derivative of :func:`policy_scale`, the logistic function.

    >>> policy_scale_slope(torch.tensor([0.0]))
    tensor([0.6321])
    """
    return torch.sigmoid(raw + SCALE_SHIFT)


def tanh_log_prob(u: Tensor, noise: Tensor, scale: Tensor) -> Tensor:
    r"""Log density of the action :math:`\tanh u`, with :math:`u = \mu + \sigma \epsilon`: ``(*batch, d) -> (*batch)``.

    .. math:: \sum_i -\tfrac12 \epsilon_i^2 - \log \sigma_i - \tfrac12 \log 2\pi - \log(1 - \tanh^2 u_i)

    The last term is :math:`2 (\log 2 - u - \mathrm{softplus}(-2u))`, which does not overflow (arXiv:1801.01290,
    appendix C).

    Args:
        u: the action before tanh.
        noise: the standard normal :math:`\epsilon` it was made of.
        scale: :math:`\sigma`.

    >>> tanh_log_prob(torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 2))
    tensor([-1.8379])
    """
    gaussian = -0.5 * noise.square() - scale.log() - 0.5 * math.log(2 * math.pi)
    log_slope = 2 * (math.log(2) - u - softplus(-2 * u))
    return (gaussian - log_slope).sum(-1)
