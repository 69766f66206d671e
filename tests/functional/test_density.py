import math

import torch

from sher_rl.functional.density import complement_density, gaussian_constants, negative_log_density


def test_density_scores_by_hand():
    log_density = torch.tensor([0.2, 0.1, 0.1], dtype=torch.float64).log() + 700  # of any scale
    expected = torch.tensor([0.5, 0.75, 0.75], dtype=torch.float64)
    torch.testing.assert_close(complement_density(log_density), expected)
    expected = torch.tensor([0.0, math.log(2), math.log(2)], dtype=torch.float64)
    torch.testing.assert_close(negative_log_density(log_density), expected)


def test_constants_by_hand():
    factors, one = torch.tensor([[[2.0]], [[1.0]]], dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    # ψ(1) - ψ(2) = -1; (ψ(3/2) + log 2 + log(4/3) - log 2π - 1/2) / 2, and with log(1/3) for the other
    first = -1 + (0.03648997 + 0.69314718 + 0.28768207 - 1.83787707 - 0.5) / 2
    second = -1 + (0.03648997 + 0.69314718 - 1.09861229 - 1.83787707 - 0.5) / 2
    expected = torch.tensor([first, second], dtype=torch.float64)
    torch.testing.assert_close(gaussian_constants(factors, 3 * one, 2 * one, one), expected)
