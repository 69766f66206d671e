import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy

from sher_rl.functional.imitation import adversarial_loss, adversarial_reward, gradient_penalty


def test_the_loss_is_that_of_numbers_worked_out_by_hand() -> None:
    expert = torch.tensor([[math.log(3)], [0.0]])  # D = 3/4 and 1/2
    agent = torch.tensor([[-math.log(4)]])  # D = 1/5
    by_hand = -(math.log(3 / 4) + math.log(1 / 2)) / 2 - math.log(4 / 5)
    assert adversarial_loss(expert, agent).item() == pytest.approx(by_hand)
    assert by_hand == pytest.approx(0.713558, abs=1e-6)


def test_the_loss_is_the_cross_entropy_of_both_kinds() -> None:
    expert, agent = torch.randn(2, 50, 1).unbind(0)
    entropies = [
        binary_cross_entropy(logit.sigmoid(), torch.full_like(logit, label))
        for logit, label in ((expert, 1), (agent, 0))
    ]
    assert adversarial_loss(expert, agent).item() == pytest.approx(sum(entropies).item(), rel=1e-5)


def test_the_loss_does_not_saturate() -> None:
    wrong = torch.tensor([[-200.0]], requires_grad=True)
    adversarial_loss(wrong, torch.zeros(1, 1)).backward()
    assert wrong.grad.item() == pytest.approx(-1.0)


def test_the_reward_is_that_of_numbers_worked_out_by_hand() -> None:
    logit = torch.tensor([math.log(3), -math.log(9), -1000.0])  # D = 3/4, 1/10 and 0
    expected = [math.log(0.75), math.log(0.1), -8 * math.log(10)]
    assert adversarial_reward(logit).tolist() == pytest.approx(expected, rel=1e-5)


def test_the_penalty_is_that_of_numbers_worked_out_by_hand() -> None:
    assert gradient_penalty(torch.tensor([[0.6, 0.8], [0.0, 0.0], [0.0, 3.0]])).item() == pytest.approx(5 / 3)
