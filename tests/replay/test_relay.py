"""RelayGoals: which rows are of the sub-task, and the goals and rewards that they get."""

from __future__ import annotations

import pytest
import torch
from helpers.episodes import episode, reward_fn
from hypothesis import given
from hypothesis import strategies as st
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose

from sher_rl import HindsightRelabel, RelayGoals, SubTask, UsageError
from sher_rl.replay.relay import by_turns

# The observation of helpers.episodes is (episode, step); the object of the sub-task is at the achieved goal.
SUB_TASK = SubTask(part=slice(0, 2), target=slice(0, 2), distance=0.5)
LENGTH = 8


def make_buffer(capacity: int, share: float = 0.5, min_motion: float = 0.0) -> TensorDictReplayBuffer:
    storage = LazyTensorStorage(capacity)
    generator = torch.Generator().manual_seed(0)
    relabel = HindsightRelabel(reward_fn, storage, k=1, generator=generator, min_motion=min_motion)
    transform = Compose(relabel, RelayGoals(SUB_TASK, storage, share=share))
    return TensorDictReplayBuffer(storage=storage, transform=transform, batch_size=400)


@given(count=st.integers(0, 300), share=st.floats(0, 1))
def test_a_share_of_the_rows_takes_turns(count: int, share: float) -> None:
    mine = by_turns(count, share)
    assert mine.shape == (count,)
    counted = mine.cumsum(0)
    assert (counted == (torch.arange(1, count + 1, dtype=torch.float64) * share).floor()).all()


@pytest.mark.parametrize("capacity", [100, 20])  # as much as is written, and a ring that has gone round
def test_rows_of_the_sub_task_have_its_goals_and_rewards(capacity: int) -> None:
    buffer = make_buffer(capacity)
    for number in range(5):
        buffer.extend(episode(LENGTH, number=number))
    batch = buffer.sample()
    task, sub = batch["desired_goal"].split(2, -1)
    mine = by_turns(400, 0.5)
    assert task[mine].isnan().all()
    assert sub[~mine].isnan().all()
    assert batch["next", "desired_goal"].equal(batch["desired_goal"]) or torch.equal(
        batch["next", "desired_goal"].nan_to_num(-9), batch["desired_goal"].nan_to_num(-9)
    )
    relabelled = batch["hindsight", "relabelled"]
    for row, goal in zip(batch[mine], sub[mine], strict=True):
        number, step = row["observation"].tolist()
        later = step + 1 + row["hindsight", "offset"].item()
        expected = [number, later] if row["hindsight", "relabelled"] else [number, step]
        assert goal.tolist() == expected
        met = row["next", "observation"].tolist() == expected
        assert row["next", "reward"].item() == (0.0 if met else -1.0)
    assert relabelled[mine].any()
    assert not relabelled[mine].all()


def test_rows_of_the_task_are_as_hindsight_left_them() -> None:
    buffer = make_buffer(100)
    buffer.extend(episode(LENGTH))
    batch = buffer.sample()
    mine = by_turns(400, 0.5)
    task = batch["desired_goal"][~mine, :2]
    expected = reward_fn(batch["next", "achieved_goal"][~mine], task)
    assert torch.equal(batch["next", "reward"][~mine], expected)


def test_the_sub_task_keeps_a_goal_that_the_task_had_achieved_already() -> None:
    """What is near for the object need not be for the gripper; only the row's own outcome is given up, too."""
    batches = []
    for min_motion in (0.0, 100.0):
        buffer = make_buffer(100, min_motion=min_motion)
        buffer.extend(episode(LENGTH))
        batches.append(buffer[:])
    every, none = batches
    assert every["hindsight", "relabelled"].any()
    assert not none["hindsight", "relabelled"].any()
    later = every["hindsight", "offset"] != 0
    mine = by_turns(LENGTH, 0.5)
    assert (later & mine).any()
    assert torch.equal(none["desired_goal"][later & mine][:, 2:], every["desired_goal"][later & mine][:, 2:])
    own = none["desired_goal"][~later & mine][:, 2:]
    assert torch.equal(own, none["achieved_goal"][~later & mine])


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_can_be_none_or_all(share: float) -> None:
    buffer = make_buffer(100, share)
    buffer.extend(episode(LENGTH))
    assert buffer.sample()["desired_goal"][:, 2:].isnan().all() == (share == 0)


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan"), "half"])
def test_a_share_out_of_range_is_refused(share: object) -> None:
    with pytest.raises(UsageError, match="share is"):
        RelayGoals(SUB_TASK, LazyTensorStorage(10), share=share)


def test_rows_without_hindsight_are_refused() -> None:
    storage = LazyTensorStorage(10)
    buffer = TensorDictReplayBuffer(storage=storage, transform=RelayGoals(SUB_TASK, storage), batch_size=4)
    buffer.extend(episode(LENGTH))
    with pytest.raises(UsageError, match="put RelayGoals behind HindsightRelabel"):
        buffer.sample()
