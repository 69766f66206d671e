"""Energy that a trajectory's object gains, by which EBP replays trajectories, as pure tensor functions.

Energy-Based Hindsight Experience Prioritization, arXiv:1810.01363.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from sher_rl.functional.rotations import roll_pitch_yaw

GRAVITY = 9.81


class Physics(NamedTuple):
    """What an object's energy is made of: mass in kg, inertia in kg m², seconds a step, and the three weights."""

    mass: float = 1.0
    inertia: float = 1.0
    dt: float = 0.04
    potential: float = 1.0
    kinetic: float = 1.0
    rotational: float = 1.0


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
    before = before.double()
    after = after.double()
    number = torch.arange(len(lengths), device=lengths.device).repeat_interleave(lengths)
    begin = lengths.cumsum(0) - lengths
    first = torch.zeros_like(number, dtype=torch.bool).index_fill_(0, begin, True)
    energy = step_energy(before, after, before[begin, 2][number], physics or Physics())
    return energy.new_zeros(len(lengths)).index_add_(0, number, energy_gains(energy, first, max_gain))
