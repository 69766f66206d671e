"""The equations of Goal GAN (Florensa et al., ICML 2018, arXiv:1705.06366): which goals are good, and both losses.

The networks are a least-squares GAN with a = -1, b = 1 and c = 0 in the notation of arXiv:1611.04076, whose
discriminator also sees goals that are labelled as not good.
"""

from __future__ import annotations

from torch import Tensor


def is_intermediate(success_rate: Tensor, r_min: float, r_max: float) -> Tensor:
    """Whether goals are good, neither too hard nor mastered: ``r_min < success rate < r_max``, bool ``(N,)``.

    Equation 3 of the paper, GOID.

    >>> import torch
    >>> is_intermediate(torch.tensor([0.0, 1 / 3, 2 / 3, 1.0]), r_min=0.1, r_max=0.9)
    tensor([False,  True,  True, False])
    """
    return (r_min < success_rate) & (success_rate < r_max)


def discriminator_loss(labelled: Tensor, good: Tensor, generated: Tensor) -> Tensor:
    r"""Loss of the discriminator D, a scalar; it scores good goals 1 and others -1.

    .. math:: \operatorname{E}_g \big[y_g (D(g) - 1)^2 + (1 - y_g)(D(g) + 1)^2\big]
        + \operatorname{E}_z \big[(D(G(z)) + 1)^2\big]

    Equation 4 of the paper, whose first two terms are :math:`(2 y_g - 1 - D(g))^2`.

    Args:
        labelled: scores D(g) of goals that were attempted, ``(N,)``.
        good: their labels y, bool ``(N,)``.
        generated: scores D(G(z)) of the generator's goals, ``(M,)``.

    >>> import torch
    >>> labels = torch.tensor([True, False])
    >>> discriminator_loss(torch.tensor([0.5, 0.5]), labels, torch.tensor([0.0, -1.0]))
    tensor(1.7500)
    """
    wanted = 2 * good.to(labelled) - 1
    return (wanted - labelled).square().mean() + (generated + 1).square().mean()


def generator_loss(generated: Tensor) -> Tensor:
    r"""Loss of the generator G, a scalar: :math:`\operatorname{E}_z [(D(G(z)) - 1)^2]`.

    The published code aims at 1, a good goal, where equation 4 of the paper has :math:`D(G(z))^2`.

    Args:
        generated: scores D(G(z)) of its goals, ``(M,)``.

    >>> import torch
    >>> generator_loss(torch.tensor([1.0, -1.0]))
    tensor(2.)
    """
    return (generated - 1).square().mean()
