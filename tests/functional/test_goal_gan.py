import pytest
import torch

from sher_rl.functional.goal_gan import discriminator_loss, generator_loss, is_intermediate


def test_goals_at_the_bounds_are_not_good() -> None:
    rates = torch.tensor([0.0, 0.1, 0.2, 0.8, 0.9, 1.0], dtype=torch.float64)
    assert is_intermediate(rates, 0.1, 0.9).tolist() == [False, False, True, True, False, False]
    assert is_intermediate(rates, 0.0, 1.0).tolist() == [False, True, True, True, True, False]


def test_the_discriminator_is_pulled_to_1_by_good_goals_and_to_minus_1_by_others() -> None:
    labelled = torch.tensor([0.5, -2.0, 3.0])
    good = torch.tensor([True, True, False])
    generated = torch.tensor([1.0, -3.0])
    # ((1 - 0.5)² + (1 + 2)² + (-1 - 3)²) / 3 + ((1 + 1)² + (-3 + 1)²) / 2
    assert discriminator_loss(labelled, good, generated).item() == pytest.approx(25.25 / 3 + 4)
    perfect = discriminator_loss(torch.tensor([1.0, -1.0]), torch.tensor([True, False]), torch.tensor([-1.0]))
    assert perfect == 0


def test_the_generator_is_pulled_to_where_the_discriminator_says_1() -> None:
    assert generator_loss(torch.tensor([0.0, 3.0])).item() == pytest.approx(2.5)
    assert generator_loss(torch.tensor([1.0])) == 0
