"""LeastSquaresGAN: it moves to where goals are good, and goes on from its state."""

from __future__ import annotations

import pytest
import torch

from sher_rl import UsageError
from sher_rl.samplers.goals.gan import LeastSquaresGAN


def make(seed: int = 0, **kwargs: object) -> LeastSquaresGAN:
    torch.manual_seed(seed)
    return LeastSquaresGAN([-5.0, 0.0], [5.0, 20.0], generator=torch.Generator().manual_seed(seed), **kwargs)


def test_goals_lie_in_the_box() -> None:
    goals = make().sample(500)
    assert goals.shape == (500, 2)
    assert ((goals > torch.tensor([-5.0, 0.0])) & (goals < torch.tensor([5.0, 20.0]))).all()


def test_it_makes_good_goals() -> None:
    draw = torch.rand(2000, 2, generator=torch.Generator().manual_seed(1))
    goals = torch.tensor([-5.0, 0.0]) + draw * torch.tensor([10.0, 20.0])
    good = (goals[:, 0] > 2) & (goals[:, 1] > 12)  # 12 in 100
    gan = make()
    before = gan.sample(500)
    gan.train_on(goals, good, steps=400)
    after = gan.sample(500)
    share = [((some[:, 0] > 2) & (some[:, 1] > 12)).float().mean().item() for some in (before, after)]
    assert share[0] < 0.1
    assert share[1] > 0.7


def test_it_learns_where_gradients_are_off() -> None:
    gan = make()
    before = gan.sample(1)
    with torch.no_grad():
        gan.train_on(torch.zeros(10, 2), torch.ones(10, dtype=torch.bool), steps=1)
    assert not torch.equal(gan.sample(1), before)


def test_it_goes_on_from_its_state_to_the_bit() -> None:
    goals = torch.rand(100, 2)
    good = goals[:, 0] > 0.5
    one, other = make(1), make(2)
    one.train_on(goals, good, steps=3)
    other.load_state_dict(one.state_dict())
    other.generator.set_state(one.generator.get_state())
    for gan in (one, other):
        gan.train_on(goals, good, steps=3)
    assert torch.equal(one.sample(5), other.sample(5))


@pytest.mark.parametrize(("wrong", "sentence"), [({"lr": 0.0}, "lr is 0.0"), ({"batch_size": 0}, "batch_size is 0")])
def test_numbers_out_of_range_are_refused(wrong: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make(**wrong)
