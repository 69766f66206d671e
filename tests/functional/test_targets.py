import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sher_rl.functional import targets as F


def test_q_target_bootstraps_from_v_unless_terminated() -> None:
    target = F.soft_q_target(torch.tensor([-1.0, -1.0]), torch.tensor([-10.0, -10.0]), torch.tensor([False, True]), 0.9)
    torch.testing.assert_close(target, torch.tensor([-10.0, -1.0]))


def test_v_target_is_the_smaller_q_minus_the_entropy_cost() -> None:
    q = torch.tensor([[-3.0, -1.0], [-2.0, -4.0]])
    torch.testing.assert_close(F.soft_value_target(q, torch.tensor([2.0, -1.0]), 0.1), torch.tensor([-3.2, -3.9]))


@pytest.mark.parametrize("function", [F.soft_value_target, F.policy_objective])
def test_shapes_that_would_broadcast_are_refused(function) -> None:
    q = torch.zeros(2, 3, 1) if function is F.soft_value_target else torch.zeros(3, 1)
    with pytest.raises(ValueError, match=r"log_prob has shape \(3,\)"):
        function(q, torch.zeros(3), 0.1)


def test_policy_objective_falls_with_q_and_with_entropy() -> None:
    torch.testing.assert_close(F.policy_objective(torch.tensor([-2.0]), torch.tensor([3.0]), 0.5), torch.tensor([3.5]))


def test_half_squared_error_has_the_gradient_of_equation_15() -> None:
    v, y = torch.tensor([1.0, -2.0], requires_grad=True), torch.tensor([3.0, -5.0], requires_grad=True)
    F.half_squared_error(v, y).sum().backward()
    torch.testing.assert_close(v.grad, torch.tensor([-2.0, 3.0]))
    assert y.grad is None


def test_temperature_rises_while_entropy_is_too_low() -> None:
    log_alpha = torch.tensor(0.0, requires_grad=True)
    F.temperature_loss(log_alpha, torch.tensor([3.0]), target_entropy=-2.0).sum().backward()
    assert log_alpha.grad.item() == -1.0  # descent adds to log alpha: entropy -3 < -2


def test_bounds_of_returns() -> None:
    assert F.return_bounds(0.98) == pytest.approx((-50.0, 0.0))
    low, high = F.soft_return_bounds(0.98, 0.05, action_dim=4)
    assert high == pytest.approx(50 * 0.98 * 0.05 * 4 * 0.6931472)
    assert low == pytest.approx(50 * (-1 - 0.98 * 0.05 * 4))
    assert F.soft_return_bounds(0.5, 0.1, 4, min_entropy=1.0)[0] == pytest.approx(2 * (-1 + 0.5 * 0.1 * 1.0))


def test_soft_bound_is_met_by_the_uniform_policy_at_the_goal() -> None:
    gamma, alpha, d = 0.9, 0.2, 3
    value = 0.0
    for _ in range(500):
        value = gamma * (value + alpha * d * math.log(2))  # reward 0, entropy of the uniform policy from s' on
    assert value == pytest.approx(F.soft_return_bounds(gamma, alpha, d)[1])


@given(st.integers(0, 10**6), st.integers(0, 2**62 - 1))
def test_future_offset_stays_in_the_episode(remaining: int, draw: int) -> None:
    assert 0 <= F.future_offset(torch.tensor(remaining), torch.tensor(draw)).item() <= remaining


def test_future_offset_is_uniform() -> None:
    offsets = F.future_offset(torch.full((100_000,), 4), torch.randint(2**62, (100_000,)))
    counts = torch.bincount(offsets, minlength=5).double()
    assert len(counts) == 5
    assert ((counts - 20_000).square() / 20_000).sum() < 18.5  # chi-square, 4 degrees of freedom, p = 0.001


def test_delta_s() -> None:
    assert F.delta_s(0.9, 0.6) == F.delta_s(0.6, 0.9) == pytest.approx(0.3)


def test_rotations_are_those_of_gymnasium_robotics() -> None:
    from gymnasium_robotics.utils import rotations

    rng = np.random.default_rng(0)
    quaternion = rng.normal(size=(1000, 4))
    euler = rng.uniform(-4, 4, size=(1000, 3))
    np.testing.assert_allclose(
        F.quaternion_to_euler(torch.tensor(quaternion)), rotations.quat2euler(quaternion), atol=1e-12
    )
    np.testing.assert_allclose(F.euler_to_quaternion(torch.tensor(euler)), rotations.euler2quat(euler), atol=1e-12)


def test_euler_angles_at_a_pole() -> None:
    from gymnasium_robotics.utils import rotations

    pole = np.array([[math.cos(math.pi / 4), 0.0, math.sin(math.pi / 4), 0.0], [0.5, 0.5, 0.5, 0.5]])
    np.testing.assert_allclose(F.quaternion_to_euler(torch.tensor(pole)), rotations.quat2euler(pole), atol=1e-7)


def test_opposite_quaternions_count_as_a_full_turn() -> None:
    q = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    assert F.rotation_angle(q, q).item() == 0.0
    assert F.rotation_angle(q, -q).item() == pytest.approx(2 * math.pi)
