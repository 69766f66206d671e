"""How much a stored trajectory deserves replay: its energy, or how rare it is, as pure tensor functions.

A sampler keeps one score a trajectory and draws trajectories in proportion to a power of it. Scores are of
EBP (energy, arXiv:1810.01363), CDP (density, arXiv:1902.08039) and MEP (entropy, arXiv:1905.08786).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sher_rl.functional.targets import quaternion_to_euler

GRAVITY = 9.81


class Physics(NamedTuple):
    """What an object's energy is made of: mass in kg, inertia in kg m², seconds a step, and the three weights."""

    mass: float = 1.0
    inertia: float = 1.0
    dt: float = 0.04
    potential: float = 1.0
    kinetic: float = 1.0
    rotational: float = 1.0


def roll_pitch_yaw(quaternion: Tensor) -> Tensor:
    """Angles about the fixed x, y and z axis, radians: ``(B, 4)`` as (w, x, y, z) ``-> (B, 3)``.

    They are those of the inverse rotation about turning axes, negated; nothing is unwrapped.

    >>> roll_pitch_yaw(torch.tensor([[math.cos(0.5), math.sin(0.5), 0.0, 0.0]]))
    tensor([[1., -0., 0.]])
    """
    return -quaternion_to_euler(quaternion * quaternion.new_tensor([1.0, -1.0, -1.0, -1.0]))


def step_energy(before: Tensor, after: Tensor, start_height: Tensor, physics: Physics) -> Tensor:
    r"""Energy of an object after each step, relative to rest where its trajectory starts.

    .. math:: m g (z_t - z_0) + \tfrac{m}{2} \|x_t - x_{t-1}\|^2 / \Delta t^2
        + \tfrac{I}{2} \|\varphi_t - \varphi_{t-1}\|^2 / \Delta t^2,

    each term with its weight, the last one with roll, pitch and yaw where poses have a quaternion.

    Args:
        before: pose before the step, ``(B, 3)`` position in metres, or ``(B, 7)`` position and quaternion.
        after: pose after the step, same shape.
        start_height: height at which the row's trajectory starts, ``(B,)``.
        physics: constants and weights.

    >>> before, after = torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([[0.04, 0.0, 0.04]])
    >>> step_energy(before, after, torch.zeros(1), Physics())  # 9.81 * 0.04 + (1 + 1) / 2
    tensor([1.3924])
    """
    move = after[:, :3] - before[:, :3]
    energy = physics.potential * physics.mass * GRAVITY * (after[:, 2] - start_height)
    energy = energy + physics.kinetic * physics.mass / 2 * (move / physics.dt).square().sum(-1)
    if after.shape[-1] == 3:
        return energy
    turn = roll_pitch_yaw(after[:, 3:]) - roll_pitch_yaw(before[:, 3:])
    return energy + physics.rotational * physics.inertia / 2 * (turn / physics.dt).square().sum(-1)


def energy_gains(energy: Tensor, first: Tensor, max_gain: float) -> Tensor:
    r"""What a step adds to the energy, :math:`clip(E_t - E_{t-1}, 0, E_{max})`, with :math:`E_0 = 0`.

    Args:
        energy: after each step, ``(B,)``, trajectories one after the other.
        first: where a trajectory begins, bool ``(B,)``.
        max_gain: E_max.

    >>> energy_gains(torch.tensor([1.0, 4.0, 3.0, 0.5]), torch.tensor([True, False, False, True]), 2.0)
    tensor([1.0000, 2.0000, 0.0000, 0.5000])
    """
    return torch.where(first, energy, energy - energy.roll(1)).clamp(0.0, max_gain)


def trajectory_energy(
    before: Tensor, after: Tensor, lengths: Tensor, *, max_gain: float = math.inf, physics: Physics | None = None
) -> Tensor:
    """Energy that each trajectory gained in its steps: EBP, arXiv:1810.01363, section 3.

    Args:
        before: poses before each step, ``(B, 3)`` or ``(B, 7)``, trajectories one after the other.
        after: poses after each step, same shape.
        lengths: steps of each trajectory, at least 1, ``(N,)``; they sum to ``B``.
        max_gain: bound on what one step counts, E_max.
        physics: constants and weights.

    Returns:
        Sums of :func:`energy_gains`, ``(N,)`` float64.

    >>> path = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    >>> trajectory_energy(path[:-1], path[1:], torch.tensor([2]), physics=Physics(kinetic=0.0))
    tensor([9.8100], dtype=torch.float64)
    """
    before, after = before.double(), after.double()
    number = torch.arange(len(lengths), device=lengths.device).repeat_interleave(lengths)
    begin = lengths.cumsum(0) - lengths
    first = torch.zeros_like(number, dtype=torch.bool).index_fill_(0, begin, True)
    energy = step_energy(before, after, before[begin, 2][number], physics or Physics())
    return energy.new_zeros(len(lengths)).index_add_(0, number, energy_gains(energy, first, max_gain))


def complement_density(log_density: Tensor) -> Tensor:
    r"""CDP's score :math:`1 - \rho_i`, with the densities normalised to :math:`\sum_i \rho_i = 1`: ``(N,) -> (N,)``.

    >>> complement_density(torch.tensor([0.5, 0.25, 0.25]).log())
    tensor([0.5000, 0.7500, 0.7500])
    """
    return 1.0 - log_density.softmax(0)


def negative_log_density(log_density: Tensor) -> Tensor:
    r"""MEP's score :math:`\max_j \log p_j - \log p_i`, 0 for the densest trajectory: ``(N,) -> (N,)``.

    >>> negative_log_density(torch.tensor([-1.0, -3.0, 2.0]))
    tensor([3., 5., 0.])
    """
    return log_density.max() - log_density


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
