"""Behaviour cloning with a Q filter, as pure tensor functions."""

from __future__ import annotations

from torch import Tensor


def cloning_error(action: Tensor, shown: Tensor) -> Tensor:
    r"""Squared distance of actions ``(*batch, d)``, :math:`\lVert \pi(s, g) - a \rVert^2`, ``(*batch)``.

    >>> import torch
    >>> cloning_error(torch.tensor([[0.5, 0.0]]), torch.tensor([[0.0, 1.0]]))
    tensor([1.2500])
    """
    return (action - shown.detach()).square().sum(-1)


def q_filter(q_shown: Tensor, q_policy: Tensor, demonstration: Tensor) -> Tensor:
    r"""Demonstrations that the critic holds for better than the policy, :math:`Q(s, a, g) > Q(s, \pi(s, g), g)`.

    All ``(*batch)``; ``demonstration`` says which rows are of one.

    >>> import torch
    >>> q_filter(torch.tensor([-1.0, -3.0, -1.0]), torch.full((3,), -2.0), torch.tensor([True, True, False]))
    tensor([ True, False, False])
    """
    return demonstration & (q_shown > q_policy)


def filtered_cloning(error: Tensor, kept: Tensor, demonstration: Tensor) -> Tensor:
    r"""Errors of the demonstrations kept, over the number of all in the batch, a scalar (arXiv:1709.10089, eq. 5).

    0 where there are none.

    >>> import torch
    >>> filtered_cloning(torch.tensor([4.0, 1.0, 9.0]), torch.tensor([True, False, False]),
    ...     torch.tensor([True, True, False]))
    tensor(2.)
    """
    return (error * kept).sum() / demonstration.sum().clamp(min=1)
