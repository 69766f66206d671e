import math

import pytest
import torch
from torch.func import jacrev, vmap

from sher_rl.functional.stein import (
    SMALLEST_BANDWIDTH,
    median_bandwidth,
    rbf_kernel,
    squashed_log_density,
    squashed_score,
    stein_gradient,
)


def test_the_width_by_hand() -> None:
    squared = torch.tensor([[1.0, 4.0, 9.0], [2.0, 3.0, 5.0]]).unsqueeze(-1)  # lower median 3, of two particles
    torch.testing.assert_close(median_bandwidth(squared), torch.tensor([3 / math.log(3)]))
    assert median_bandwidth(torch.zeros(4, 4)).item() == pytest.approx(SMALLEST_BANDWIDTH)


def test_the_kernel_by_hand_and_by_autograd() -> None:
    # squared distance 4, width 4 / ln 2: k = 1/2, gradient -2 (x - y) k / h = -2 * 2 * (1/2) * ln 2 / 4
    kernel, gradient = rbf_kernel(torch.tensor([[2.0]]), torch.tensor([[0.0]]))
    assert kernel.item() == pytest.approx(0.5)
    assert gradient.item() == pytest.approx(-0.5 * math.log(2))
    torch.manual_seed(0)
    fixed, moved = torch.randn(5, 3, 2, requires_grad=True), torch.randn(4, 3, 2)
    kernel, gradient = rbf_kernel(fixed, moved)
    width = median_bandwidth((fixed.unsqueeze(1) - moved).square().sum(-1)).detach()
    expected = (-(fixed.unsqueeze(1) - moved).square().sum(-1) / width).exp()
    torch.testing.assert_close(kernel, expected)
    for i in range(5):
        for j in range(4):
            (by_autograd,) = torch.autograd.grad(expected[i, j].sum(), fixed, retain_graph=True)
            torch.testing.assert_close(gradient[i, j], by_autograd[i])


def test_the_direction_is_the_double_loop() -> None:
    torch.manual_seed(0)
    fixed, moved, scores = torch.randn(5, 3, 2), torch.randn(4, 3, 2), torch.randn(5, 3, 2)
    width = median_bandwidth((fixed.unsqueeze(1) - moved).square().sum(-1))
    expected = torch.zeros(4, 3, 2)
    for b in range(3):
        for j in range(4):
            for i in range(5):
                difference = fixed[i, b] - moved[j, b]
                kernel = math.exp(-difference.square().sum() / width[b])
                expected[j, b] += (kernel * scores[i, b] - 2 * difference * kernel / width[b]) / 5
    torch.testing.assert_close(stein_gradient(scores, fixed, moved), expected)


def test_the_score_is_the_gradient_of_the_log_density_before_tanh() -> None:
    raw = torch.randn(10, 2, dtype=torch.float64, requires_grad=True)
    action = raw.tanh()
    q = (3 * action.sin() + action.prod(-1, keepdim=True)).sum(-1)
    log_density = q / 0.4 + (1 - action.square()).log().sum(-1)
    (expected,) = torch.autograd.grad(log_density.sum(), raw, retain_graph=True)
    (q_gradient,) = torch.autograd.grad(q.sum(), action)
    torch.testing.assert_close(squashed_score(q_gradient, action.detach(), 0.4), expected)


def test_particles_become_samples_of_a_density_with_two_modes() -> None:
    """Half of the particles, of both signs, and moments as by quadrature."""
    torch.manual_seed(0)
    alpha = 0.2

    def q(action: torch.Tensor) -> torch.Tensor:
        return -(((action.abs() - 0.6) / 0.5) ** 2)

    raw = torch.randn(64, 1)
    for _ in range(500):
        action = raw.tanh().requires_grad_()
        (gradient,) = torch.autograd.grad(q(action).sum(), action)
        raw = raw + 0.1 * stein_gradient(squashed_score(gradient, action.detach(), alpha), raw, raw)
    action = raw.tanh()
    grid = torch.linspace(-1, 1, 10_001)
    weights = (q(grid) / alpha).softmax(0)
    assert 0.35 < (action > 0).float().mean() < 0.65
    assert action.abs().mean().item() == pytest.approx((weights * grid.abs()).sum().item(), abs=0.03)
    assert action.square().mean().item() == pytest.approx((weights * grid.square()).sum().item(), abs=0.03)


def test_the_density_of_a_squashed_map_by_hand_and_by_autograd() -> None:
    # f = 2 ξ at ξ = 0: N(0) / 2 / (1 - 0)
    density = squashed_log_density(torch.zeros(1), torch.tensor([[2.0]]), torch.zeros(1))
    assert density.item() == pytest.approx(-0.5 * math.log(2 * math.pi) - math.log(2))
    torch.manual_seed(0)
    matrix = torch.randn(2, 2, dtype=torch.float64)
    noise = torch.randn(6, 2, dtype=torch.float64)
    slopes = vmap(jacrev(lambda xi: torch.tanh(matrix @ xi)))(noise)
    expected = torch.distributions.Normal(0, 1).log_prob(noise).sum(-1) - torch.linalg.det(slopes).abs().log()
    raw = noise @ matrix.T
    torch.testing.assert_close(squashed_log_density(noise, matrix.expand(6, 2, 2), raw), expected)
