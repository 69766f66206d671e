"""How likely each trajectory is to be replayed, by its score: energy (EBP), or rarity (CDP, MEP)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def dense_rank(score: Tensor) -> Tensor:
    """How many different scores are lower: ``(N,) -> (N,)``, from 0 on.

    >>> dense_rank(torch.tensor([2.5, -1.0, 9.0, 2.5]))
    tensor([1., 0., 2., 1.])
    """
    order = torch.from_numpy(np.argsort(score.numpy()))  # a third of what torch's sort or unique takes
    ordered = score[order]
    rank = torch.nn.functional.pad((ordered[1:] != ordered[:-1]).cumsum(0), (1, 0))
    return torch.empty_like(score).index_put_((order,), rank.to(score.dtype))


def trajectory_probabilities(score: Tensor, temperature: float = 1.0) -> Tensor:
    r"""Probability of each trajectory, :math:`s_i^{1/(\tau + 0.01)}` over their sum: ``(N,) -> (N,)``.

    Uniform where no score is above 0. A score that is not finite counts as 0.

    Args:
        score: at least 0 where finite.
        temperature: τ; the higher, the nearer to uniform.

    >>> trajectory_probabilities(torch.tensor([1.0, 0.0, 3.0]), temperature=0.99)
    tensor([0.2500, 0.0000, 0.7500])
    >>> trajectory_probabilities(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """
    score = score.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    if not score.max() > 0:
        return torch.full_like(score, 1 / len(score))
    weight = (score / score.max()) ** (1 / (temperature + 0.01))
    return weight / weight.sum()
