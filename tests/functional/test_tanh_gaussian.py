import math

import pytest
import torch
from torchrl.modules import TanhNormal

from sher_rl.functional.tanh_gaussian import policy_scale, policy_scale_slope, tanh_log_prob


def test_scale_is_one_at_zero_and_never_below_its_floor() -> None:
    scale = policy_scale(torch.tensor([0.0, math.log(3) - math.log(math.e - 1), -100.0]))
    torch.testing.assert_close(scale, torch.tensor([1.0001, 1.3864, 1e-4]), rtol=1e-4, atol=0)


def test_slope_is_the_derivative_of_the_scale() -> None:
    raw = torch.linspace(-5, 5, 11, dtype=torch.float64, requires_grad=True)
    policy_scale(raw).sum().backward()
    torch.testing.assert_close(policy_scale_slope(raw.detach()), raw.grad)


def test_density_is_that_of_torchrls_tanh_normal() -> None:
    loc, noise = torch.randn(2, 100, 4, dtype=torch.float64)
    scale = torch.rand(100, 4, dtype=torch.float64) + 0.1
    u = loc + scale * noise
    expected = TanhNormal(loc, scale).log_prob(u.tanh())
    torch.testing.assert_close(tanh_log_prob(u, noise, scale), expected, rtol=1e-4, atol=1e-4)


def test_density_of_a_saturated_action_is_finite() -> None:
    u = torch.tensor([[50.0]])
    expected = -0.5 * math.log(2 * math.pi) + 100 - 2 * math.log(2)  # log(1 - tanh²(50)) = 2 log 2 - 100
    assert tanh_log_prob(u, torch.zeros(1, 1), torch.ones(1, 1)).item() == pytest.approx(expected)
