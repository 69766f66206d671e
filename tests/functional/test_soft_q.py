import math

import pytest
import torch

from sher_rl.functional.soft_q import (
    boltzmann_log_prob,
    composition_gap,
    optimal_soft_bounds,
    soft_value,
    soft_value_estimate,
    uniform_log_density,
)
from sher_rl.functional.targets import soft_q_target

LN2 = math.log(2)


def test_the_soft_value_by_hand() -> None:
    # exp(0 / 0.5) + exp(0.5 ln 3 / 0.5) = 1 + 3; half its logarithm is ln 2
    q = torch.tensor([[0.0, 0.5 * math.log(3)], [-1.0, -1.0]])
    torch.testing.assert_close(soft_value(q, 0.5), torch.tensor([LN2, -1 + 0.5 * LN2]))
    torch.testing.assert_close(soft_value(q, 0.5, -LN2), torch.tensor([0.5 * LN2, -1.0]))


def test_a_prior_shifts_the_value_and_weighs_the_policy() -> None:
    prior = torch.tensor([0.75, 0.25])
    q = torch.tensor([0.0, math.log(3)])
    assert soft_value(q, 1.0, prior.log()).item() == pytest.approx(math.log(1.5))
    torch.testing.assert_close(boltzmann_log_prob(q, 1.0, prior.log()).exp(), torch.tensor([0.5, 0.5]))


def test_the_policy_attains_the_value_and_no_other_does_better() -> None:
    torch.manual_seed(0)
    q = torch.randn(50, 6)
    log_prob = boltzmann_log_prob(q, 0.3)
    attained = (log_prob.exp() * (q - 0.3 * log_prob)).sum(-1)
    torch.testing.assert_close(attained, soft_value(q, 0.3))
    other = torch.randn(50, 6).log_softmax(-1)
    assert ((other.exp() * (q - 0.3 * other)).sum(-1) <= attained).all()


@pytest.mark.parametrize(("alpha", "limit"), [(1e-3, 2.0), (1e6, 1.0)])
def test_with_a_uniform_prior_the_value_goes_from_the_mean_to_the_maximum(alpha: float, limit: float) -> None:
    value = soft_value(torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64), alpha, -math.log(3))
    assert value.item() == pytest.approx(limit, abs=0.01)


def test_the_target_by_hand() -> None:
    # V = ln(1 + 3) = 1.3863; -1 + 0.5 * 1.3863, and -1 where the episode is over
    value = soft_value(torch.tensor([[0.0, math.log(3)]] * 2), 1.0)
    target = soft_q_target(torch.tensor([-1.0, -1.0]), value, torch.tensor([False, True]), 0.5)
    torch.testing.assert_close(target, torch.tensor([LN2 - 1, -1.0]))


def test_the_estimate_by_hand() -> None:
    # densities 1/4 and 1/2: the mean of 4 e^0 and 2 e^(ln 2) is 4
    q = torch.tensor([[0.0], [LN2]])
    log_proposal = torch.tensor([[0.25], [0.5]]).log()
    assert soft_value_estimate(q, log_proposal, 1.0).item() == pytest.approx(math.log(4))
    assert soft_value_estimate(q, log_proposal, 1.0, log_prior=-LN2).item() == pytest.approx(math.log(2))


def test_the_estimate_is_the_integral_with_any_proposal() -> None:
    torch.manual_seed(0)
    actions = torch.linspace(-1, 1, 200_001, dtype=torch.float64)
    exact = 0.5 * torch.trapezoid(torch.exp((actions - actions**2) / 0.5), actions).log()
    uniform = torch.rand(200_000, dtype=torch.float64) * 2 - 1
    estimate = soft_value_estimate(uniform - uniform**2, uniform_log_density(1), 0.5)
    torch.testing.assert_close(estimate, exact, rtol=0, atol=3e-3)
    tilted = 2 * torch.rand(200_000, dtype=torch.float64).sqrt() - 1  # of density (1 + a) / 2
    estimate = soft_value_estimate(tilted - tilted**2, ((1 + tilted) / 2).log(), 0.5)
    torch.testing.assert_close(estimate, exact, rtol=0, atol=3e-3)


def test_the_bounds_hold_for_optimal_soft_values_and_are_reached() -> None:
    torch.manual_seed(0)
    gamma, alpha, actions = 0.8, 0.3, 3
    bounds = optimal_soft_bounds(gamma, alpha, math.log(actions))
    assert bounds == pytest.approx((-5.0, 4 * 0.3 * math.log(3)))
    for reward in (torch.zeros(4, actions), -torch.ones(4, actions), -torch.rand(4, actions).round()):
        q = optimal_q(reward, torch.randint(4, (4, actions)), gamma, alpha)
        assert q.min() >= bounds[0]
        assert q.max() <= bounds[1] + 1e-4
    still = optimal_q(torch.zeros(4, actions), torch.randint(4, (4, actions)), gamma, alpha)
    torch.testing.assert_close(still, torch.full((4, actions), bounds[1]))
    uniform = optimal_q(-torch.ones(4, actions), torch.randint(4, (4, actions)), gamma, alpha, -math.log(actions))
    torch.testing.assert_close(uniform, torch.full((4, actions), bounds[0]))


def optimal_q(reward, following, gamma: float, alpha: float, log_prior: float = 0.0) -> torch.Tensor:
    """Soft Q iteration over a table, ``(states, actions)``, of a task without chance."""
    q = torch.zeros_like(reward)
    for _ in range(200):
        q = reward + gamma * soft_value(q, alpha, log_prior)[following]
    return q


def test_the_gap_is_half_of_renyis_divergence() -> None:
    torch.manual_seed(0)
    q, alpha = torch.randn(2, 20, 5), 0.7
    first, second = boltzmann_log_prob(q, alpha)
    renyi = -2 * (0.5 * (first + second)).logsumexp(-1)
    torch.testing.assert_close(composition_gap(q, alpha), 0.5 * alpha * renyi)


def test_the_mean_of_optimal_qs_is_optimal_for_the_mean_reward_but_for_the_gaps() -> None:
    """Lemma 1 of arXiv:1803.06773, with every table iterated to its fixed point."""
    torch.manual_seed(0)
    gamma, alpha = 0.8, 0.3
    for _ in range(20):
        following = torch.randint(6, (6, 3))
        rewards = torch.randn(2, 6, 3)
        qs = torch.stack([optimal_q(reward, following, gamma, alpha) for reward in rewards])
        best = optimal_q(rewards.mean(0), following, gamma, alpha)
        slack = torch.zeros(6, 3)
        for _ in range(200):
            slack = gamma * (composition_gap(qs, alpha) + slack.max(-1).values)[following]
        assert (best <= qs.mean(0) + 1e-4).all()
        assert (best >= qs.mean(0) - slack - 1e-4).all()
