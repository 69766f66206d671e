"""Where one episode's achieved goals meet another's desired ones, and what is spliced there.

DHER, Fang et al., ICLR 2019, section 4: both episodes are walked back together from the step at which they meet.
"""

from __future__ import annotations

import torch
from torch import Tensor

_BASE = 2_097_143
"""The largest prime below 2^21: three coordinates fit into 64 bits side by side, and further ones wrap round."""


def cell_keys(goal: Tensor, size: float) -> Tensor:
    """A number for the cell that each goal lies in, ``(B, d) -> (B,)`` int64; cells are centred on multiples of a size.

    Two cells of up to three dimensions have the same number only if they are a million cells apart; of more, hundreds.

    Args:
        goal: positions.
        size: edge of a cell, in the goals' units.

    >>> keys = cell_keys(torch.tensor([[0.101, 0.2], [0.099, 0.2], [0.106, 0.2]]), 0.01)
    >>> bool(keys[0] == keys[1]), bool(keys[0] == keys[2])
    (True, False)
    """
    cells = (goal.double() / size).round().long()
    key = torch.zeros_like(cells[:, 0])
    for coordinate in cells.unbind(-1):
        key = key * _BASE + coordinate
    return key


def steps_back(achieved_step: Tensor, desired_step: Tensor, draw: Tensor) -> Tensor:
    r"""Steps that both episodes are walked back from where they meet, :math:`m = \lfloor u (\min(j, l) + 1) \rfloor`.

    Args:
        achieved_step: :math:`j`, steps of the achieving episode that there are before the meeting, int64 ``(B,)``.
        desired_step: :math:`l`, likewise of the episode whose goals are taken.
        draw: :math:`u`, uniform in [0, 1).

    >>> steps_back(torch.tensor([5, 5, 0]), torch.tensor([2, 2, 9]), torch.tensor([0.0, 0.99, 0.5]))
    tensor([0, 2, 0])
    """
    choices = torch.minimum(achieved_step, desired_step) + 1
    return torch.minimum((draw * choices).long(), choices - 1)


def spliced_share(share: float, success_rate: float) -> float:
    """Share of a batch that is spliced: less, the more episodes succeed.

    >>> spliced_share(0.8, 0.25)
    0.6000000000000001
    """
    return share * (1.0 - success_rate)
