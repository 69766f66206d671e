"""GoalGAN: its pool, its labels and its replay, and that it goes on from its state."""

from __future__ import annotations

import pytest
import torch
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import LazyTensorStorage

from sher_rl import GoalGAN, UsageError

SMALL = {"pool": 12, "replayed": 0.25, "attempts": 2, "steps": 2, "first_steps": 2}


def storage_of(rows: int = 50) -> LazyTensorStorage:
    storage = LazyTensorStorage(100)
    goals = torch.rand(rows, 2, generator=torch.Generator().manual_seed(3))
    storage.set(range(rows), TensorDict({"next": {"achieved_goal": goals}}, [rows]))
    return storage


def make(seed: int = 0, **kwargs: object) -> GoalGAN:
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    return GoalGAN([-5.0, -5.0], [5.0, 5.0], storage_of(), generator=generator, **(SMALL | kwargs))


def play(gan: GoalGAN, episodes: int, is_met: Tensor | None = None) -> Tensor:
    """Attempt goals one by one; those that ``is_met`` has are met at every other attempt."""
    goals = []
    for number in range(episodes):
        goal = gan.propose(torch.zeros(1, 2))
        met = is_met is not None and bool((is_met == goal).all(1).any()) and number % (2 * gan.pool) < gan.pool
        gan.learn(goal, torch.tensor([met]))
        goals.append(goal)
    return torch.cat([torch.empty(0, 2), *goals])


def test_the_pool_is_dealt_in_turn() -> None:
    gan = make()
    one = torch.cat([gan.propose(torch.zeros(5, 2)) for _ in range(12)])
    assert torch.equal(one[:12], one[12:24])
    assert torch.equal(one[:12], one[48:])
    assert len(one.unique(dim=0)) == 12
    assert (one.abs() <= 5).all()


def test_an_iteration_ends_when_each_goal_has_been_attempted() -> None:
    gan = make()
    first = play(gan, 23)
    assert torch.equal(first[:11], first[12:])
    play(gan, 1)
    second = play(gan, 12)
    assert not any((goal == first).all(1).any() for goal in second)


def test_goals_that_are_met_at_times_are_kept_for_replay_and_come_back() -> None:
    gan = make(apart=0.0)
    pool = gan.propose(torch.zeros(12, 2))
    gan.propose(torch.zeros(12, 2))
    good = pool[:4]
    gan.learn(pool, torch.ones(12, dtype=torch.bool))
    gan.learn(pool, ~torch.tensor([(goal == good).all(1).any() for goal in pool]))  # 8 twice, and 4 once
    assert sorted(gan.replay.tolist()) == sorted(good.tolist())
    second = gan.propose(torch.zeros(12, 2))
    assert sum(bool((goal == good).all(1).any()) for goal in second) == 3  # a quarter of 12


def test_the_gan_is_trained_on_the_latest_labels_of_several_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    gan = make(memory=30)
    seen = []
    monkeypatch.setattr(gan.gan, "train_on", lambda goals, good, steps: seen.append((goals, good)))
    gan._begin(gan._new_pool())
    pools, labels = [], []
    for _ in range(3):
        pool = gan.propose(torch.zeros(12, 2))
        met = torch.arange(12) < 5
        gan.learn(pool, met)
        gan.learn(pool, torch.zeros(12, dtype=torch.bool))
        pools.append(pool)
        labels.append(met)
    assert [len(goals) for goals, _ in seen] == [12, 24, 30]
    assert torch.equal(seen[-1][0], torch.cat(pools)[-30:])
    assert torch.equal(seen[-1][1], torch.cat(labels)[-30:])


def test_kept_goals_are_apart() -> None:
    gan = make(apart=4.0)
    for _ in range(6):
        play(gan, 24, is_met=gan._goals if len(gan._goals) else gan.propose(torch.zeros(12, 2)))
    assert len(gan.replay) >= 2
    assert torch.pdist(gan.replay).min() >= 4.0


@pytest.mark.parametrize("success", [True, False])
def test_without_a_good_goal_nothing_is_learned(success: bool) -> None:
    gan = make()
    pool = gan.propose(torch.zeros(12, 2))
    before = [weight.clone() for weight in gan.gan.parameters()]
    for _ in range(2):
        gan.learn(pool, torch.full((12,), success))
    assert len(gan.replay) == 0
    assert all(torch.equal(*pair) for pair in zip(before, gan.gan.parameters(), strict=True))
    assert not torch.equal(gan.propose(torch.zeros(12, 2)), pool)


def test_goals_of_another_iteration_or_of_nobody_are_not_counted() -> None:
    gan = make()
    gan.learn(torch.rand(3, 2), torch.ones(3, dtype=torch.bool))  # before the first
    first = play(gan, 24)[:12]
    second = gan.propose(torch.zeros(12, 2))
    for _ in range(3):
        gan.learn(first, torch.ones(12, dtype=torch.bool))
    assert torch.equal(gan.propose(torch.zeros(12, 2)), second)


def test_corners_where_goals_fall_together_are_one_goal() -> None:
    gan = make(noise=1000.0)
    pool = gan.propose(torch.zeros(40, 2))
    assert len(pool.unique(dim=0)) == len(gan._goals) < 12
    play(gan, 100)  # and iterations end all the same


def test_before_there_are_rows_the_environments_own_goals_stay() -> None:
    own = torch.rand(3, 2)
    assert torch.equal(GoalGAN([-1.0, -1.0], [1.0, 1.0], LazyTensorStorage(9)).propose(own), own)


@pytest.mark.parametrize("episodes", [0, 5, 30, 100])
def test_it_goes_on_from_its_state_to_the_bit(episodes: int) -> None:
    one, other = make(1), make(2)
    good = one.propose(torch.zeros(12, 2))[:5] if episodes else None
    play(one, episodes, good)
    play(other, 17)
    other.load_state_dict(one.state_dict())
    assert torch.equal(play(one, 60, good), play(other, 60, good))
    assert torch.equal(one.replay, other.replay)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"pool": 0}, "pool is 0"),
        ({"memory": 0}, "memory is 0"),
        ({"attempts": 1.5}, "attempts is 1.5"),
        ({"replayed": 1.0}, "replayed is 1.0"),
        ({"noise": -1.0}, "noise is -1.0"),
        ({"apart": -1.0}, "apart is -1.0"),
        ({"r_min": 0.9}, "use r_min below r_max"),
        ({"r_max": float("nan")}, "r_max is nan"),
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make(**wrong)
