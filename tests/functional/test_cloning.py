import torch

from sher_rl.functional.cloning import cloning_error, filtered_cloning, q_filter

ACTION = torch.tensor([[0.5, -0.5], [0.0, 1.0], [1.0, 1.0]], requires_grad=True)
SHOWN = torch.tensor([[0.0, 0.5], [0.0, 1.0], [-1.0, 0.0]], requires_grad=True)


def test_the_error_is_the_squared_distance_and_moves_the_policy_alone() -> None:
    error = cloning_error(ACTION, SHOWN)
    assert torch.equal(error, torch.tensor([1.25, 0.0, 5.0]))
    gradient, none = torch.autograd.grad(error.sum(), (ACTION, SHOWN), allow_unused=True)
    assert torch.equal(gradient, torch.tensor([[1.0, -2.0], [0.0, 0.0], [4.0, 2.0]]))
    assert none is None


def test_only_demonstrations_that_the_critic_prefers_pass() -> None:
    q_shown = torch.tensor([-1.0, -2.0, -3.0, -1.0])
    marked = torch.tensor([True, True, True, False])
    kept = q_filter(q_shown, torch.full((4,), -2.0), marked)
    assert kept.tolist() == [True, False, False, False]  # equal values are no reason to clone


def test_the_mean_is_over_all_demonstrations() -> None:
    error = torch.tensor([3.0, 5.0, 7.0, 11.0])
    kept = torch.tensor([True, False, True, False])
    marked = torch.tensor([True, True, True, False])
    assert filtered_cloning(error, kept, marked) == 10.0 / 3
    nothing = torch.zeros(4, dtype=torch.bool)
    assert filtered_cloning(error, nothing, nothing) == 0
