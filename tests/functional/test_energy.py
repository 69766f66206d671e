import math

import pytest
import torch

from sher_rl.functional.energy import Physics, energy_gains, step_energy, trajectory_energy


def about(axis: int, angle: float) -> list[float]:
    vector = [0.0, 0.0, 0.0]
    vector[axis] = math.sin(angle / 2)
    return [math.cos(angle / 2), *vector]


def test_potential_energy_is_relative_to_the_start():
    physics = Physics(mass=2.0, kinetic=0.0)
    pose = torch.tensor([[0.0, 0.0, 0.5]], dtype=torch.float64)
    energy = step_energy(pose, pose, torch.tensor([0.4], dtype=torch.float64), physics)
    torch.testing.assert_close(energy.item(), 2 * 9.81 * 0.1)


def test_kinetic_energy_of_a_step():
    before, after = torch.zeros(1, 3), torch.tensor([[0.03, 0.04, 0.0]])
    energy = step_energy(before, after, torch.zeros(1), Physics())
    torch.testing.assert_close(energy.item(), 0.5 * (0.05 / 0.04) ** 2)  # 0.78125
    assert step_energy(before, after, torch.zeros(1), Physics(dt=0.02, mass=3.0)).item() == pytest.approx(9.375)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rotational_energy_of_a_step(axis):
    before = torch.tensor([[0.0, 0.0, 0.0, *about(axis, 0.2)]], dtype=torch.float64)
    after = torch.tensor([[0.0, 0.0, 0.0, *about(axis, 0.3)]], dtype=torch.float64)
    energy = step_energy(before, after, torch.zeros(1), Physics())
    assert energy.item() == pytest.approx(0.5 * (0.1 / 0.04) ** 2)  # 3.125
    assert step_energy(before, after, torch.zeros(1), Physics(rotational=0.0)).item() == 0.0


def test_angles_are_not_unwrapped():
    before = torch.tensor([[0.0, 0.0, 0.0, *about(2, 3.1)]], dtype=torch.float64)
    after = torch.tensor([[0.0, 0.0, 0.0, *about(2, 3.2)]], dtype=torch.float64)
    energy = step_energy(before, after, torch.zeros(1), Physics())
    assert energy.item() == pytest.approx(0.5 * ((2 * math.pi - 0.1) / 0.04) ** 2)


def test_gains_are_clipped_on_both_sides_and_begin_anew():
    energy = torch.tensor([0.2, 0.9, 0.5, 3.0, -1.0, 0.3])
    first = torch.tensor([True, False, False, False, True, False])
    gains = energy_gains(energy, first, max_gain=0.5)
    torch.testing.assert_close(gains, torch.tensor([0.2, 0.5, 0.0, 0.5, 0.0, 0.5]))
    gains = energy_gains(energy, first, max_gain=math.inf)
    torch.testing.assert_close(gains, torch.tensor([0.2, 0.7, 0.0, 2.5, 0.0, 1.3]))


def test_trajectory_energy_by_hand():
    lift = torch.tensor([[0.0, 0.0, 0.40], [0.0, 0.0, 0.42], [0.0, 0.0, 0.42]])
    push = torch.tensor([[0.1, 0.0, 0.40], [0.3, 0.0, 0.40]])
    before, after = torch.cat((lift[:-1], push[:-1])), torch.cat((lift[1:], push[1:]))
    # lift: E_1 = 9.81 * 0.02 + 0.5 * 0.5^2 = 0.3212, E_2 = 0.1962, a loss. push: 0.5 * 5^2 = 12.5.
    energy = trajectory_energy(before, after, torch.tensor([2, 1]))
    torch.testing.assert_close(energy, torch.tensor([0.3212, 12.5], dtype=torch.float64), rtol=0, atol=1e-5)
    energy = trajectory_energy(before, after, torch.tensor([2, 1]), max_gain=0.5)
    torch.testing.assert_close(energy, torch.tensor([0.3212, 0.5], dtype=torch.float64), rtol=0, atol=1e-5)
