"""Steps within an episode, and how many of them lie between a transition and the one its new goal is from.

Offsets count stored rows, in the order of time. Strategies are those of HER (arXiv:1707.01495, section 4.5).
"""

from __future__ import annotations

import torch
from torch import Tensor


def steps_to_end(end: Tensor) -> Tensor:
    """Distance of each row to the next ``True``, itself included; the last element has to be ``True``.

    >>> steps_to_end(torch.tensor([False, False, True, True, False, True]))
    tensor([2, 1, 0, 0, 1, 0])
    """
    rows = torch.arange(len(end), device=end.device)
    marked = torch.where(end, rows, len(end))
    return marked.flip(0).cummin(0).values.flip(0) - rows


def steps_from_start(end: Tensor) -> Tensor:
    """Distance of each row to the row after the last ``True`` before it, or to the first row.

    >>> steps_from_start(torch.tensor([False, False, True, True, False, True]))
    tensor([0, 1, 2, 0, 0, 1])
    """
    rows = torch.arange(len(end), device=end.device)
    starts = torch.where(end.roll(1), rows, 0)
    return rows - starts.cummax(0).values


def alive_before(elapsed: Tensor, age: Tensor) -> Tensor:
    """Earlier steps of its episode that a ring still holds: the oldest are overwritten first.

    Args:
        elapsed: steps the episode had before this one, integer.
        age: rows between the ring's oldest row and this one, same shape.

    >>> alive_before(torch.tensor([5, 5]), torch.tensor([9, 2]))
    tensor([5, 2])
    """
    return torch.minimum(elapsed, age)


def future_offset(remaining: Tensor, draw: Tensor) -> Tensor:
    r"""Steps from a transition to the one whose outcome becomes its goal, HER's ``future`` strategy.

    :math:`u \bmod (remaining + 1)`, uniform on ``{0..remaining}``. Offset 0 is the transition's own
    *next* achieved goal, so goals come from after the action, up to and including the episode's last.

    Args:
        remaining: steps the episode still has after this one, integer.
        draw: :math:`u`, uniform integers from 0 to a number much larger than ``remaining``, same shape.

    >>> future_offset(torch.tensor([0, 3, 3]), torch.tensor([9, 8, 7]))
    tensor([0, 0, 3])
    """
    return draw % (remaining + 1)


def episode_offset(before: Tensor, remaining: Tensor, draw: Tensor) -> Tensor:
    r"""HER's ``episode`` strategy: uniform on ``{-before..remaining}``, any step of the episode.

    >>> episode_offset(torch.tensor([2, 2]), torch.tensor([1, 1]), torch.tensor([8, 7]))
    tensor([-2,  1])
    """
    return draw % (before + remaining + 1) - before


def random_offset(age: Tensor, alive: int, draw: Tensor) -> Tensor:
    r"""HER's ``random`` strategy: uniform on ``{-age..alive - 1 - age}``, any row of a ring that holds ``alive``.

    >>> random_offset(torch.tensor([0, 9]), 10, torch.tensor([25, 15]))
    tensor([ 5, -4])
    """
    return draw % alive - age


def other_episode_offset(before: Tensor, remaining: Tensor, age: Tensor, alive: int, draw: Tensor) -> Tensor:
    r"""Offset to a uniform row among the ``alive`` of a ring that are not of the row's own episode.

    The ring read round from the end of the episode up to its beginning. Where there is no other episode
    it is the first row of the own one.

    >>> args = torch.tensor([1, 1]), torch.tensor([2, 2]), torch.tensor([4, 4])  # rows 3..6 of 0..9 are one's own
    >>> other_episode_offset(*args, 10, torch.tensor([6, 5]))
    tensor([ 3, -2])
    """
    others = (alive - before - remaining - 1).clamp_min(1)
    return (age + remaining + 1 + draw % others) % alive - age
