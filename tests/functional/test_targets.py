import pytest
import torch

from sher_rl.functional.targets import (
    half_squared_error,
    policy_objective,
    soft_q_target,
    soft_value_target,
    temperature_loss,
)


def test_q_target_bootstraps_from_v_unless_terminated() -> None:
    target = soft_q_target(torch.tensor([-1.0, -1.0]), torch.tensor([-10.0, -10.0]), torch.tensor([False, True]), 0.9)
    torch.testing.assert_close(target, torch.tensor([-10.0, -1.0]))


def test_v_target_is_the_smaller_q_minus_the_entropy_cost() -> None:
    q = torch.tensor([[-3.0, -1.0], [-2.0, -4.0]])
    torch.testing.assert_close(soft_value_target(q, torch.tensor([2.0, -1.0]), 0.1), torch.tensor([-3.2, -3.9]))


@pytest.mark.parametrize("function", [soft_value_target, policy_objective])
def test_shapes_that_would_broadcast_are_refused(function) -> None:
    q = torch.zeros(2, 3, 1) if function is soft_value_target else torch.zeros(3, 1)
    with pytest.raises(ValueError, match=r"log_prob has shape \(3,\)"):
        function(q, torch.zeros(3), 0.1)


def test_policy_objective_falls_with_q_and_with_entropy() -> None:
    torch.testing.assert_close(policy_objective(torch.tensor([-2.0]), torch.tensor([3.0]), 0.5), torch.tensor([3.5]))


def test_half_squared_error_has_the_gradient_of_equation_15() -> None:
    v, y = torch.tensor([1.0, -2.0], requires_grad=True), torch.tensor([3.0, -5.0], requires_grad=True)
    half_squared_error(v, y).sum().backward()
    torch.testing.assert_close(v.grad, torch.tensor([-2.0, 3.0]))
    assert y.grad is None


def test_temperature_rises_while_entropy_is_too_low() -> None:
    log_alpha = torch.tensor(0.0, requires_grad=True)
    temperature_loss(log_alpha, torch.tensor([3.0]), target_entropy=-2.0).sum().backward()
    assert log_alpha.grad.item() == -1.0  # descent adds to log alpha: entropy -3 < -2
