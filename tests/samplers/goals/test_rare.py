"""RareGoals: the rarest of some achieved goals, as a loop finds it."""

from __future__ import annotations

import pytest
import torch
from tensordict import TensorDict
from torchrl.data import LazyTensorStorage

from sher_rl import RareGoals, UsageError
from sher_rl.samplers.goals.achieved import draw_achieved


def storage_of(goals: torch.Tensor, capacity: int = 1000) -> LazyTensorStorage:
    storage = LazyTensorStorage(capacity)
    storage.set(range(len(goals)), TensorDict({"next": {"achieved_goal": goals}}, [len(goals)]))
    return storage


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_proposal_is_the_candidate_that_a_loop_finds_least_dense() -> None:
    storage = storage_of(torch.randn(400, 2, generator=seeded(1)) * torch.tensor([1.0, 20.0]))
    proposed = RareGoals(storage, candidates=7, sample=50, generator=seeded()).propose(torch.zeros(5, 2))
    again = seeded()
    sample = draw_achieved(storage, 50, again)
    candidates = draw_achieved(storage, 35, again).reshape(5, 7, 2)
    for row, goal in zip(candidates, proposed, strict=True):
        scaled = (row.unsqueeze(1) - sample) / sample.std(0)
        density = (-scaled.square().sum(2) / (2 * 0.1**2)).double().exp().sum(1)
        assert density[(row == goal).all(1)].item() == density.min()


def test_coordinates_count_by_their_spread() -> None:
    goals = torch.zeros(500, 2)
    goals[:, 0] = torch.linspace(0, 1000, 500)
    goals[250, 1] = 0.5  # out of the line by little, but as nothing else is
    proposed = RareGoals(storage_of(goals), candidates=3000, generator=seeded()).propose(torch.zeros(2, 2))
    assert torch.equal(proposed, goals[[250, 250]])


def test_only_rows_that_are_written_are_drawn() -> None:
    storage = storage_of(torch.ones(10, 2))
    assert (draw_achieved(storage, 200, seeded()) == 1).all()


def test_before_there_are_rows_the_environments_own_goals_stay() -> None:
    own = torch.rand(3, 2)
    assert torch.equal(RareGoals(LazyTensorStorage(10)).propose(own), own)


def test_its_state_is_its_generators() -> None:
    storage = storage_of(torch.randn(300, 2, generator=seeded()))
    one, other = RareGoals(storage, generator=seeded(1)), RareGoals(storage, generator=seeded(2))
    one.propose(torch.zeros(3, 2))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.propose(torch.zeros(3, 2)), other.propose(torch.zeros(3, 2)))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"candidates": 0}, "candidates is 0"),
        ({"sample": 1}, "sample is 1"),
        ({"bandwidth": 0.0}, "bandwidth is 0.0"),
        ({"bandwidth": float("nan")}, "bandwidth is nan"),
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        RareGoals(LazyTensorStorage(10), **wrong)
