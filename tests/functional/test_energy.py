"""Literal numbers for each score of a trajectory."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from sher_rl.functional.energy import (
    Physics,
    complement_density,
    dense_rank,
    energy_gains,
    negative_log_density,
    roll_pitch_yaw,
    step_energy,
    trajectory_energy,
    trajectory_probabilities,
)


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


def test_roll_pitch_and_yaw_are_those_of_the_textbook():
    quaternion = torch.nn.functional.normalize(torch.randn(1000, 4, dtype=torch.float64), dim=-1)
    w, x, y, z = quaternion.unbind(-1)
    roll = torch.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = torch.asin((2 * (w * y - z * x)).clamp(-1, 1))
    yaw = torch.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    torch.testing.assert_close(roll_pitch_yaw(quaternion), torch.stack((roll, pitch, yaw), -1))


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


def test_density_scores_by_hand():
    log_density = torch.tensor([0.2, 0.1, 0.1], dtype=torch.float64).log() + 700  # of any scale
    expected = torch.tensor([0.5, 0.75, 0.75], dtype=torch.float64)
    torch.testing.assert_close(complement_density(log_density), expected)
    expected = torch.tensor([0.0, math.log(2), math.log(2)], dtype=torch.float64)
    torch.testing.assert_close(negative_log_density(log_density), expected)


def test_by_rank_both_density_scores_are_one():
    log_density = torch.randn(30, dtype=torch.float64)
    ranks = [dense_rank(score(log_density)) for score in (complement_density, negative_log_density)]
    assert (ranks[0] == ranks[1]).all()
    assert ranks[0][log_density.argmax()] == 0
    assert ranks[0][log_density.argmin()] == 29


@given(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=20))
def test_dense_rank_is_scipys_from_zero(scores):
    assert dense_rank(torch.tensor(scores)).tolist() == (rankdata(scores, "dense") - 1).tolist()


def test_probabilities_by_hand():
    score = torch.tensor([0.0, 1.0, 4.0], dtype=torch.float64)
    weight = 4 ** (1 / 1.01)
    expected = torch.tensor([0.0, 1 / (1 + weight), weight / (1 + weight)], dtype=torch.float64)
    torch.testing.assert_close(trajectory_probabilities(score), expected)
    assert trajectory_probabilities(score, temperature=0.49)[2].item() == pytest.approx(16 / 17)


@pytest.mark.parametrize("scores", [[0.0], [0.0, 0.0, 0.0, 0.0], [math.nan, 0.0]])
def test_probabilities_are_uniform_where_no_score_is_positive(scores):
    expected = torch.full((len(scores),), 1 / len(scores))
    torch.testing.assert_close(trajectory_probabilities(torch.tensor(scores)), expected)


def test_probabilities_of_extreme_scores():
    tiny = trajectory_probabilities(torch.tensor([1e-320, 3e-320], dtype=torch.float64))
    assert tiny[1] / tiny[0] == pytest.approx(3 ** (1 / 1.01), rel=1e-3)
    wild = trajectory_probabilities(torch.tensor([math.nan, math.inf, 1.0, 1.0]))
    torch.testing.assert_close(wild, torch.tensor([0.0, 0.0, 0.5, 0.5]))
