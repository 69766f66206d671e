import math

import pytest

from sher_rl.functional.bounds import return_bounds, soft_return_bounds


def test_bounds_of_returns() -> None:
    assert return_bounds(0.98) == pytest.approx((-50.0, 0.0))
    low, high = soft_return_bounds(0.98, 0.05, action_dim=4)
    assert high == pytest.approx(50 * 0.98 * 0.05 * 4 * 0.6931472)
    assert low == pytest.approx(50 * (-1 - 0.98 * 0.05 * 4))


def test_soft_bound_is_met_by_the_uniform_policy_at_the_goal() -> None:
    gamma, alpha, d = 0.9, 0.2, 3
    value = 0.0
    for _ in range(500):
        value = gamma * (value + alpha * d * math.log(2))  # reward 0, entropy of the uniform policy from s' on
    assert value == pytest.approx(soft_return_bounds(gamma, alpha, d)[1])
