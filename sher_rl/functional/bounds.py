"""Where returns and soft values can lie, and so where their targets may be clipped to."""

from __future__ import annotations

import math
from typing import Literal

Clip = Literal["none", "hard", "hard_q", "soft"]
UNBOUNDED = (-math.inf, math.inf)


def return_bounds(gamma: float) -> tuple[float, float]:
    r"""Range of a return of rewards in {-1, 0}: :math:`[-1/(1-\gamma), 0]` (HER, arXiv:1707.01495).

    >>> return_bounds(0.75)
    (-4.0, 0.0)
    """
    return -1.0 / (1.0 - gamma), 0.0


def soft_return_bounds(gamma: float, alpha: float, action_dim: int) -> tuple[float, float]:
    r"""Range of a *soft* Q value for rewards in {-1, 0} and a tanh policy on :math:`[-1, 1]^d`.

    .. math:: \left[\frac{-1 + \gamma\alpha H_{min}}{1-\gamma},\ \frac{\gamma\alpha\, d\ln 2}{1-\gamma}\right]

    The upper bound is exact, as no density on the cube has more entropy than the uniform one. The lower
    one takes :math:`H_{min} = -d` nats, a heuristic: a saturated tanh has no floor.

    >>> low, high = soft_return_bounds(0.5, 0.1, action_dim=4)
    >>> round(low, 4), round(high, 4)
    (-2.4, 0.2773)
    """
    low, _ = return_bounds(gamma)
    min_entropy = -float(action_dim)
    max_entropy = action_dim * math.log(2.0)
    return low * (1.0 - gamma * alpha * min_entropy), -low * gamma * alpha * max_entropy


def q_target_bounds(clip: Clip, gamma: float, alpha: float, action_dim: int) -> tuple[float, float]:
    """Where a clip keeps the targets of Q: in the range of returns, of soft returns, or anywhere.

    >>> q_target_bounds("hard", 0.75, 0.1, 4), q_target_bounds("hard_q", 0.75, 0.1, 4)
    ((-4.0, 0.0), (-inf, inf))
    """
    if clip == "hard":
        return return_bounds(gamma)
    if clip == "soft":
        return soft_return_bounds(gamma, alpha, action_dim)
    return UNBOUNDED


def fresh_q_bounds(clip: Clip, gamma: float) -> tuple[float, float]:
    """Where a clip keeps the Qs inside the target of V, before the entropy is added (arXiv:2312.05787).

    >>> fresh_q_bounds("hard", 0.75), fresh_q_bounds("hard_q", 0.75)
    ((-inf, inf), (-4.0, 0.0))
    """
    return return_bounds(gamma) if clip == "hard_q" else UNBOUNDED
