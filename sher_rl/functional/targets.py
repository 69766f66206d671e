"""The equations of Soft Hindsight Experience Replay as pure tensor functions.

Numbers in parentheses are the equations and algorithm lines of the SHER paper (arXiv:2002.02089).
Nothing here keeps state, draws random numbers or knows about TensorDict.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

Clip = Literal["none", "hard", "hard_q", "soft"]


def soft_q_target(reward: Tensor, next_value: Tensor, terminated: Tensor, gamma: Tensor | float) -> Tensor:
    r"""Target of both Q functions (eq. 10, line 22): :math:`r + \gamma (1 - d) V_{targ}(s', g)`.

    ``d`` is ``terminated``: an episode cut off by a time limit still bootstraps. All arguments share
    one shape.

    >>> soft_q_target(torch.tensor([-1.0, 0.0]), torch.tensor([-4.0, -4.0]), torch.tensor([False, True]), 0.5)
    tensor([-3.,  0.])
    """
    return reward + gamma * next_value * (~terminated)


def soft_value_target(q_values: Tensor, log_prob: Tensor, alpha: Tensor | float) -> Tensor:
    r"""Target of V (eq. 14, line 22): :math:`\min_i Q_i(s, ã, g) - \alpha \log \pi(ã | s, g)`.

    Args:
        q_values: shape ``(n, *batch)``, one row per Q function, at a fresh action ``ã ~ π``.
        log_prob: shape ``(*batch)``, of the same action. A different shape is an error: broadcasting
            ``(B, 1)`` against ``(B,)`` would mix the entropies of different states.
        alpha: temperature.

    >>> soft_value_target(torch.tensor([[-1.0, -5.0], [-2.0, -4.0]]), torch.tensor([-1.0, 2.0]), 0.5)
    tensor([-1.5000, -6.0000])
    """
    q_min = q_values.min(0).values
    if q_min.shape != log_prob.shape:
        raise ValueError(f"log_prob has shape {tuple(log_prob.shape)}, one Q has {tuple(q_min.shape)}.")
    return q_min - alpha * log_prob


def policy_objective(q_value: Tensor, log_prob: Tensor, alpha: Tensor | float) -> Tensor:
    r"""What the policy minimises (eq. 16, line 23): :math:`\alpha \log \pi(ã | s, g) - Q(s, ã, g)`.

    >>> policy_objective(torch.tensor([-3.0]), torch.tensor([2.0]), 0.5)
    tensor([4.])
    """
    if q_value.shape != log_prob.shape:
        raise ValueError(f"log_prob has shape {tuple(log_prob.shape)}, Q has {tuple(q_value.shape)}.")
    return alpha * log_prob - q_value


def penalised_value(q_value: Tensor, action: Tensor, action_l2: float) -> Tensor:
    r"""What HER's deterministic policy ascends: :math:`Q(s, a, g) - c\,\overline{a^2}` (openai/baselines, her/ddpg.py).

    The mean of the squares is over the action's last dimension, scaled to [-1, 1].

    >>> penalised_value(torch.tensor([-3.0]), torch.tensor([[1.0, -0.5]]), action_l2=2.0)
    tensor([-4.2500])
    """
    return q_value - action_l2 * action.square().mean(-1)


def half_squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    r"""Regression loss of Q and V (eq. 14): :math:`\frac12 (x - y)^2` per element, no gradient to ``y``.

    >>> half_squared_error(torch.tensor([1.0]), torch.tensor([-2.0]))
    tensor([4.5000])
    """
    return 0.5 * (prediction - target.detach()).square()


SCALE_SHIFT = math.log(math.e - 1)


def policy_scale(raw: Tensor) -> Tensor:
    """Standard deviation of the Gaussian before tanh: softplus, shifted to be 1 at 0, and at least 1e-4.

    >>> policy_scale(torch.tensor([0.0, -100.0]))
    tensor([1.0001e+00, 1.0000e-04])
    """
    return torch.nn.functional.softplus(raw + SCALE_SHIFT) + 1e-4


def temperature_loss(log_alpha: Tensor, log_prob: Tensor, target_entropy: float) -> Tensor:
    r"""Automatic temperature: :math:`-\log\alpha\,(\log\pi + \bar H)` per element (SAC, arXiv:1812.05905 eq. 18).

    Gradient descent raises :math:`\alpha` while the entropy :math:`-\log\pi` is below ``target_entropy``.

    >>> temperature_loss(torch.tensor(-2.0), torch.tensor([3.0]), -4.0)
    tensor([-2.])
    """
    return -log_alpha * (log_prob.detach() + target_entropy)


def return_bounds(gamma: float) -> tuple[float, float]:
    r"""Range of a return of rewards in {-1, 0}: :math:`[-1/(1-\gamma), 0]` (HER, arXiv:1707.01495).

    >>> return_bounds(0.75)
    (-4.0, 0.0)
    """
    return -1.0 / (1.0 - gamma), 0.0


def soft_return_bounds(
    gamma: float, alpha: float, action_dim: int, min_entropy: float | None = None
) -> tuple[float, float]:
    r"""Range of a *soft* Q value for rewards in {-1, 0} and a tanh policy on :math:`[-1, 1]^d`.

    .. math:: \left[\frac{-1 + \gamma\alpha H_{min}}{1-\gamma},\ \frac{\gamma\alpha\, d\ln 2}{1-\gamma}\right]

    The upper bound is exact, as no density on the cube has more entropy than the uniform one. The lower
    one rests on ``min_entropy`` (nats; default :math:`-d`), a heuristic: a saturated tanh has no floor.

    >>> low, high = soft_return_bounds(0.5, 0.1, action_dim=4)
    >>> round(low, 4), round(high, 4)
    (-2.4, 0.2773)
    """
    floor = -float(action_dim) if min_entropy is None else min_entropy
    low, _ = return_bounds(gamma)
    return low * (1.0 - gamma * alpha * floor), -low * gamma * alpha * action_dim * math.log(2.0)


def q_target_bounds(clip: Clip, gamma: float, alpha: float, action_dim: int) -> tuple[float, float]:
    """Where a clip keeps the targets of Q: in the range of returns, of soft returns, or anywhere.

    >>> q_target_bounds("hard", 0.75, 0.1, 4), q_target_bounds("hard_q", 0.75, 0.1, 4)
    ((-4.0, 0.0), (-inf, inf))
    """
    bounds = {"hard": return_bounds(gamma), "soft": soft_return_bounds(gamma, alpha, action_dim)}
    return bounds.get(clip, (-math.inf, math.inf))


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


def alive_before(elapsed: Tensor, age: Tensor) -> Tensor:
    """Earlier steps of its episode that a ring still holds: the oldest are overwritten first.

    Args:
        elapsed: steps the episode had before this one, integer.
        age: rows between the ring's oldest row and this one, same shape.

    >>> alive_before(torch.tensor([5, 5]), torch.tensor([9, 2]))
    tensor([5, 2])
    """
    return torch.minimum(elapsed, age)


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


def delta_s(train_success: float, test_success: float) -> float:
    r"""Stability measure (eq. 17): :math:`\delta_S = |S_{train} - S_{test}|`, of success rates in [0, 1].

    >>> delta_s(0.5, 0.75)
    0.25
    """
    return abs(train_success - test_success)


def goal_distance(achieved_goal: Tensor, desired_goal: Tensor) -> Tensor:
    """Euclidean distance over the last dimension, which is kept: ``(B, d), (B, d) -> (B, 1)``.

    >>> goal_distance(torch.tensor([[0.0, 3.0]]), torch.tensor([[4.0, 0.0]]))
    tensor([[5.]])
    """
    return torch.linalg.vector_norm(achieved_goal - desired_goal, dim=-1, keepdim=True)


def rotation_angle(quaternion: Tensor, other: Tensor) -> Tensor:
    """Angle in radians, 0 to 2π, between unit quaternions (w, x, y, z): ``(B, 4), (B, 4) -> (B, 1)``.

    The Hand tasks' own measure: q and -q, which are one rotation, count as 2π apart.

    >>> turned = torch.tensor([[math.cos(0.5), math.sin(0.5), 0.0, 0.0]])
    >>> rotation_angle(turned, torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
    tensor([[1.]])
    """
    cosine = (quaternion * other).sum(-1, keepdim=True)
    return 2 * torch.arccos(cosine.clamp(-1.0, 1.0))


def quaternion_to_euler(quaternion: Tensor) -> Tensor:
    """Angles about x, the turned y and the turned z axis, radians: ``(B, 4)`` as (w, x, y, z) ``-> (B, 3)``.

    The convention of gymnasium-robotics: at the poles (cos y = 0) the x angle is 0.

    >>> quaternion_to_euler(torch.tensor([[math.cos(0.5), 0.0, 0.0, math.sin(0.5)]]))
    tensor([[-0., 0., 1.]])
    """
    w, x, y, z = (quaternion / torch.linalg.vector_norm(quaternion, dim=-1, keepdim=True)).unbind(-1)
    r00, r10 = 1 - 2 * (y * y + z * z), 2 * (x * y + w * z)
    r01, r11 = 2 * (x * y - w * z), 1 - 2 * (x * x + z * z)
    r02 = 2 * (x * z + w * y)
    r12, r22 = 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)
    cos_y = torch.sqrt(r22 * r22 + r12 * r12)
    regular = cos_y > 4 * torch.finfo(torch.float64).eps
    return torch.stack(
        (
            torch.where(regular, -torch.atan2(r12, r22), torch.zeros_like(w)),
            -torch.atan2(-r02, cos_y),
            torch.where(regular, -torch.atan2(r01, r00), -torch.atan2(-r10, r11)),
        ),
        -1,
    )


def euler_to_quaternion(euler: Tensor) -> Tensor:
    """Inverse of :func:`quaternion_to_euler`: ``(B, 3)`` radians ``-> (B, 4)`` as (w, x, y, z).

    >>> euler_to_quaternion(torch.tensor([[math.pi, 0.0, 0.0]])).round(decimals=4).abs()
    tensor([[0., 1., 0., 0.]])
    """
    (cx, cy, cz), (sx, sy, sz) = (f(euler / 2).unbind(-1) for f in (torch.cos, torch.sin))
    return torch.stack(
        (
            cx * cy * cz - sx * sy * sz,
            sx * cy * cz + cx * sy * sz,
            cx * sy * cz - sx * cy * sz,
            cx * cy * sz + sx * sy * cz,
        ),
        -1,
    )
