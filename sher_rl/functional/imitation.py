"""The equations of generative adversarial imitation (GAIL, arXiv:1606.03476; with goals, arXiv:1906.05838)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

FLOOR = 1e-8
"""Added to a probability before its logarithm is taken."""


def adversarial_loss(expert: Tensor, agent: Tensor) -> Tensor:
    r"""Loss of a discriminator D that says 1 of the expert and 0 of the agent, a scalar, from its logits.

    .. math:: -\operatorname{E}_{expert} \log D - \operatorname{E}_{agent} \log (1 - D)

    Equation 2 of arXiv:1906.05838.

    Args:
        expert: logits of the expert's transitions, ``(N, 1)``.
        agent: logits of the agent's, ``(M, 1)``.

    >>> import torch
    >>> adversarial_loss(torch.tensor([[0.0]]), torch.tensor([[0.0]]))
    tensor(1.3863)
    """
    return softplus(-expert).mean() + softplus(agent).mean()


def adversarial_reward(logit: Tensor) -> Tensor:
    r"""Reward for looking like the expert, :math:`\log (D + 10^{-8})`: from logits of any shape, between -18.4 and 0.

    It is never above 0, so that an episode that ends sooner is no worse (``gail_reward`` "negative" of the published
    code).

    >>> import torch
    >>> adversarial_reward(torch.tensor([0.0, 100.0, -100.0]))
    tensor([ -0.6931,   0.0000, -18.4207])
    """
    return (logit.sigmoid() + FLOOR).log()


def gradient_penalty(gradient: Tensor) -> Tensor:
    r"""How far the gradients of a discriminator are from length 1, a scalar: :math:`\operatorname{E} (\|g\| - 1)^2`.

    Gulrajani et al., arXiv:1704.00028.

    Args:
        gradient: of the logits by the inputs, ``(N, n)``.

    >>> import torch
    >>> gradient_penalty(torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor(8.)
    """
    return (gradient.norm(dim=-1) - 1).square().mean()
