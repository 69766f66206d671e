"""RivalRewards: which of the rival's rows a batch is compared with, and what that does to its rewards."""

from __future__ import annotations

import pytest
import torch
from helpers.episodes import episode, reward_fn
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose

from sher_rl import HindsightRelabel, RivalRewards, UsageError, meeting_bonus, meeting_penalty

LENGTH = 8


def agents(exchange=meeting_penalty, batch_size: int = 64, **options) -> tuple[TensorDictReplayBuffer, ...]:
    """Two buffers, the first of which exchanges rewards with the second."""
    mine = LazyTensorStorage(100)
    theirs = LazyTensorStorage(100)
    relabel = HindsightRelabel(reward_fn, mine, k=1, generator=torch.Generator().manual_seed(0))
    rewards = RivalRewards(exchange, theirs, distance=0.5, batch_size=batch_size, **options)
    buffer = TensorDictReplayBuffer(storage=mine, transform=Compose(relabel, rewards))
    return buffer, TensorDictReplayBuffer(storage=theirs)


def own_reward(batch: TensorDict) -> Tensor:
    return reward_fn(batch["next", "achieved_goal"], batch["next", "desired_goal"])


@pytest.mark.parametrize("count", [63, 64, 65, 200])
def test_each_part_meets_a_part_of_its_own(count: int) -> None:
    """The rival's draws are those of the generator, part by part, as a loop over rows compares them."""
    buffer, rival = agents(meeting_bonus, generator=torch.Generator().manual_seed(3))
    buffer.extend(episode(LENGTH))
    rival.extend(episode(LENGTH))
    batch = buffer.sample(count)
    slots = torch.randint(LENGTH, (count,), generator=torch.Generator().manual_seed(3))
    theirs = rival.storage.get(slots)["achieved_goal"]
    expected = []
    for i, state in enumerate(batch["achieved_goal"]):
        start = i // 64 * 64
        part = theirs[start : start + 64]
        expected.append(float(sum((state - other).norm() < 0.5 for other in part)))
    more = batch["next", "reward"] - own_reward(batch)
    assert more.flatten().tolist() == expected


def test_where_nobody_of_the_rival_was_rewards_stay() -> None:
    buffer, rival = agents()
    buffer.extend(episode(LENGTH))
    rival.extend(episode(LENGTH, number=7))
    batch = buffer.sample(64)
    assert torch.equal(batch["next", "reward"], own_reward(batch))


def test_while_the_rival_has_no_rows_rewards_stay() -> None:
    buffer, _ = agents()
    buffer.extend(episode(LENGTH))
    batch = buffer.sample(64)
    assert torch.equal(batch["next", "reward"], own_reward(batch))


def test_goals_are_relabelled_first_and_stay() -> None:
    buffer, rival = agents()
    for each in (buffer, rival):
        each.extend(episode(LENGTH))
    batch = buffer.sample(64)
    more = batch["next", "reward"] - own_reward(batch)
    assert batch["hindsight", "relabelled"].any()
    assert set(more.flatten().tolist()) == {-1.0}


def test_another_key_can_be_compared() -> None:
    buffer, rival = agents(key=("next", "achieved_goal"))
    buffer.extend(episode(LENGTH))
    rival.extend(episode(LENGTH, start=LENGTH))  # its first step begins where the last one of the other ends
    batch = buffer.sample(64)
    assert torch.equal(batch["next", "reward"], own_reward(batch))


def test_the_stored_rows_stay_as_they_are() -> None:
    buffer, rival = agents()
    for each in (buffer, rival):
        each.extend(episode(LENGTH))
    before = buffer.storage.get(slice(0, LENGTH)).clone()
    buffer.sample(64)
    assert (buffer.storage.get(slice(0, LENGTH)) == before).all()


def test_the_draws_go_on_from_a_state() -> None:
    generator = torch.Generator().manual_seed(5)
    rewards = RivalRewards(meeting_penalty, LazyTensorStorage(10), distance=1.0, batch_size=4, generator=generator)
    state = rewards.state_dict()
    first = torch.rand(3, generator=generator)
    rewards.load_state_dict(state)
    assert torch.equal(first, torch.rand(3, generator=generator))


@pytest.mark.parametrize("distance", [0.0, -1.0, float("nan"), "near"])
def test_a_distance_that_is_none_is_refused(distance: object) -> None:
    with pytest.raises(UsageError, match="distance is"):
        RivalRewards(meeting_penalty, LazyTensorStorage(10), distance=distance, batch_size=4)


def test_a_batch_size_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="batch_size is 0"):
        RivalRewards(meeting_penalty, LazyTensorStorage(10), distance=1.0, batch_size=0)


def test_rows_without_hindsight_are_refused() -> None:
    storage = LazyTensorStorage(10)
    rewards = RivalRewards(meeting_penalty, LazyTensorStorage(10), distance=1.0, batch_size=4)
    buffer = TensorDictReplayBuffer(storage=storage, transform=rewards, batch_size=4)
    buffer.extend(episode(LENGTH))
    with pytest.raises(UsageError, match="put RivalRewards behind HindsightRelabel"):
        buffer.sample()
