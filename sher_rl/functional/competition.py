"""Rewards that two agents exchange where their states meet: Competitive Experience Replay."""

from __future__ import annotations

import torch
from torch import Tensor


def meetings(own: Tensor, rival: Tensor, distance: float) -> Tensor:
    """Which states of two agents are closer than ``distance``: ``(n, d), (m, d) -> (n, m)`` bool.

    >>> meetings(torch.tensor([[0.0], [3.0]]), torch.tensor([[0.5], [1.0], [3.0]]), distance=1.0)
    tensor([[ True, False, False],
            [False, False,  True]])
    """
    exact = "donot_use_mm_for_euclid_dist"  # products round, which at the edge decides
    return torch.cdist(own, rival, compute_mode=exact) < distance


def meeting_penalty(own: Tensor, rival: Tensor, distance: float) -> Tensor:
    r"""What agent A loses by its states: -1 where any of the rival's is near, ``(n, d), (m, d) -> (n, 1)`` float32.

    .. math:: r^i_A \mathrel{-}= 1 \quad\text{if}\quad \exists j: |s^i_A - s^j_B| < \delta

    Competitive Experience Replay, arXiv:1902.00528.

    >>> meeting_penalty(torch.tensor([[0.0], [9.0]]), torch.tensor([[0.1], [0.2]]), distance=1.0)
    tensor([[-1.],
            [-0.]])
    """
    return -meetings(own, rival, distance).any(-1, keepdim=True).float()


def meeting_bonus(own: Tensor, rival: Tensor, distance: float) -> Tensor:
    r"""What agent B gains by its states: 1 for each of the rival's that is near, ``(n, d), (m, d) -> (n, 1)`` float32.

    .. math:: r^j_B \mathrel{+}= |\{i: |s^i_A - s^j_B| < \delta\}|

    Competitive Experience Replay, arXiv:1902.00528.

    >>> meeting_bonus(torch.tensor([[0.0], [9.0]]), torch.tensor([[0.1], [0.2]]), distance=1.0)
    tensor([[2.],
            [0.]])
    """
    return meetings(own, rival, distance).float().sum(-1, keepdim=True)
