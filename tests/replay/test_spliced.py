"""SplicedGoals: what is spliced, held against brute force, on a ring that goes round; what is refused; its state."""

from __future__ import annotations

import copy

import pytest
import torch
from helpers.episodes import episode
from helpers.moving import may_be_spliced, moving_buffer, moving_episode, reward_fn, succeeded
from hypothesis import given, settings
from hypothesis import strategies as st
from tensordict import TensorDict
from torchrl.data import LazyTensorStorage, PrioritizedSampler, TensorDictReplayBuffer
from torchrl.envs import Compose

from sher_rl import HindsightRelabel, SplicedGoals, UsageError

LENGTHS = st.lists(st.integers(1, 8), min_size=2, max_size=10)


def transform_of(buffer: TensorDictReplayBuffer) -> SplicedGoals:
    return buffer.transform[1]


def sample(buffer: TensorDictReplayBuffer, size: int) -> TensorDict:
    return torch.cat([buffer.sample() for _ in range(-(-size // 64))])[:size]


def tuples(batch: TensorDict) -> set[tuple]:
    goals = (batch["desired_goal"].tolist(), batch["next", "desired_goal"].tolist())
    rows = zip(batch["observation"].tolist(), *goals, strict=True)
    return {(int(number), int(step), tuple(goal), tuple(after)) for (number, step), goal, after in rows}


@settings(max_examples=60)
@given(lengths=LENGTHS, seed=st.integers(0, 99), capacity=st.sampled_from([16, 100]))
def test_what_is_spliced_is_what_brute_force_finds(lengths: list[int], seed: int, capacity: int) -> None:
    buffer = moving_buffer(capacity, share=1.0)
    episodes: list[TensorDict] = []
    for length in lengths:
        episodes.append(moving_episode(length, len(episodes), seed + 100 * len(episodes)))
        buffer.extend(episodes[-1].clone())
    transform_of(buffer).successes = torch.zeros(1)  # so that all that can be is spliced
    batch = sample(buffer, 200)
    spliced = batch["hindsight", "relabelled"]
    assert spliced.all() or not spliced.any()
    assert torch.equal(
        batch["next", "reward"], reward_fn(batch["next", "achieved_goal"], batch["next", "desired_goal"])
    )
    allowed = may_be_spliced(episodes, capacity)
    assert tuples(batch[spliced]) <= allowed
    assert spliced.any() == bool(allowed)
    for row in batch:  # all else of a row is of the episode that moved
        number, step = (int(value) for value in row["observation"])
        stored = episodes[number][step]
        assert torch.equal(row["next", "achieved_goal"], stored["next", "achieved_goal"])
        assert torch.equal(row["next", "observation"], stored["next", "observation"])
        if not row["hindsight", "relabelled"]:
            assert torch.equal(row["next", "desired_goal"], stored["next", "desired_goal"])


def test_every_step_back_from_a_meeting_is_drawn() -> None:
    buffer = moving_buffer(100, share=1.0)
    failed = [seed for seed in range(60) if not succeeded(moving_episode(6, 0, seed))][:4]
    for number, seed in enumerate(failed):
        buffer.extend(moving_episode(6, number, seed))
    meetings = transform_of(buffer).table.meetings
    slots = set()
    for achieved, desired in zip(meetings.achieved_slot.tolist(), meetings.desired_slot.tolist(), strict=True):
        slots |= {(achieved - back, desired - achieved) for back in range(min(achieved % 6, desired % 6) + 1)}
    batch = sample(buffer, 2000)
    number, step = batch["observation"].long().unbind(-1)
    drawn = set(zip((6 * number + step).tolist(), batch["hindsight", "offset"].tolist(), strict=True))
    assert drawn == slots
    assert len(slots) > len(meetings.cell) > 1


def test_the_goal_after_the_step_is_the_next_one_of_the_other_episode() -> None:
    """The trap of the released code, which gave the next state the goal before the step."""
    buffer = moving_buffer(100, share=1.0)
    for number in range(6):
        buffer.extend(moving_episode(6, number, number))
    batch = sample(buffer, 500)
    spliced = batch[batch["hindsight", "relabelled"]]
    assert len(spliced)
    moved = (spliced["next", "desired_goal"] - spliced["desired_goal"]) % 4
    assert torch.equal(moved, torch.tensor([1.0, 0.0]).expand_as(moved))


@pytest.mark.parametrize(("share", "rate", "expected"), [(0.8, 0.0, 160), (0.8, 0.5, 80), (0.8, 1.0, 0), (0.0, 0.0, 0)])
def test_the_share_falls_with_success(share: float, rate: float, expected: int) -> None:
    buffer = moving_buffer(100, share=share, batch_size=200)
    for number in range(6):
        buffer.extend(moving_episode(6, number, number))
    transform_of(buffer).successes = torch.tensor([rate])
    assert buffer.sample()["hindsight", "relabelled"].sum() == expected


def test_the_success_rate_is_that_of_the_last_episodes_that_ended() -> None:
    buffer = moving_buffer(100)
    assert transform_of(buffer).success_rate == 0
    episodes = [moving_episode(3, number, number) for number in range(130)]
    for one in episodes:
        buffer.extend(one.clone())
    recent = [float(succeeded(one)) for one in episodes[-100:]]
    assert transform_of(buffer).success_rate == pytest.approx(sum(recent) / 100)
    cut = moving_episode(3, 0, 0)
    cut["next", "done"][:] = False
    buffer.extend(cut)
    assert transform_of(buffer).success_rate == pytest.approx(sum(recent) / 100)


def test_the_rest_can_have_ordinary_hindsight() -> None:
    buffer = moving_buffer(100, k=4, share=0.5)
    for number in range(6):
        buffer.extend(moving_episode(6, number, number))
    transform_of(buffer).successes = torch.zeros(1)
    batch = sample(buffer, 4000)
    moved = (batch["next", "desired_goal"] != batch["desired_goal"]).any(-1)
    still = batch["hindsight", "relabelled"] & ~moved
    assert 0.35 < still.float().mean() < 0.45  # 0.5 of 4 in 5, whose goals stand still
    assert torch.equal(
        batch["next", "reward"], reward_fn(batch["next", "achieved_goal"], batch["next", "desired_goal"])
    )


def test_several_environments_and_single_transitions_are_told_apart() -> None:
    together = moving_buffer(100, share=1.0)
    one_by_one = moving_buffer(100, share=1.0)
    episodes = [moving_episode(6, number, number) for number in range(4)]
    together.extend(torch.stack(episodes[:2]))
    together.extend(torch.stack(episodes[2:]))
    for row in torch.cat(episodes):
        one_by_one.add(row.clone())
    for buffer in (together, one_by_one):
        transform_of(buffer).successes = torch.zeros(1)
        batch = sample(buffer, 500)
        assert batch["hindsight", "relabelled"].all()
        own = torch.stack([episodes[int(number)]["desired_goal"][int(step)] for number, step in batch["observation"]])
        assert not torch.equal(own, batch["desired_goal"])


def test_an_emptied_buffer_forgets() -> None:
    buffer = moving_buffer(100, share=1.0)
    for number in range(6):
        buffer.extend(moving_episode(6, number, number))
    buffer.empty()
    buffer.extend(moving_episode(3, 9, 9))
    batch = sample(buffer, 50)
    assert set(batch["observation"][:, 0].tolist()) == {9.0}


def test_its_state_goes_on_to_the_bit() -> None:
    buffer = moving_buffer(30, share=0.6)
    for number in range(8):
        buffer.extend(moving_episode(6, number, number))
    other = moving_buffer(30, share=0.6)
    other.load_state_dict(copy.deepcopy(buffer.state_dict()))
    for number in range(8, 11):
        for each in (buffer, other):
            torch.manual_seed(number)
            each.extend(moving_episode(6, number, number))
        batches = []
        for each in (buffer, other):
            torch.manual_seed(number)
            batches.append(sample(each, 100))
        assert (batches[0] == batches[1]).all()


def test_a_batch_that_is_indexed_keeps_its_shape_and_the_storage_its_rows() -> None:
    buffer = moving_buffer(36, share=1.0)
    for number in range(6):
        buffer.extend(moving_episode(6, number, number))
    before = buffer.storage[:].clone()
    assert buffer[torch.arange(6).reshape(2, 3)].shape == (2, 3)
    assert len(buffer[:]) == 36
    assert torch.equal(before["desired_goal"], buffer.storage[:]["desired_goal"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"cell": 0.0}, "cell is 0.0"), ({"cell": "1"}, "cell is '1'"), ({"share": 1.5}, "share is 1.5")],
)
def test_numbers_out_of_range_are_refused(options: dict, sentence: str) -> None:
    relabel = HindsightRelabel(reward_fn, LazyTensorStorage(10))
    with pytest.raises(UsageError, match=sentence):
        SplicedGoals(relabel, **options)


def test_goals_drawn_on_write_are_refused() -> None:
    with pytest.raises(UsageError, match="use mode='read'"):
        SplicedGoals(HindsightRelabel(reward_fn, mode="write"))


def test_data_without_the_goal_after_a_step_are_refused() -> None:
    with pytest.raises(UsageError, match="the goal after each step; write it, too"):
        moving_buffer(100).extend(episode(6).exclude(("next", "desired_goal")))


def test_samplers_that_need_their_rows_back_are_refused() -> None:
    storage = LazyTensorStorage(100)
    relabel = HindsightRelabel(reward_fn, storage)
    sampler = PrioritizedSampler(100, alpha=0.6, beta=0.4)
    transform = Compose(relabel, SplicedGoals(relabel, cell=1.0))
    buffer = TensorDictReplayBuffer(storage=storage, sampler=sampler, transform=transform, batch_size=4)
    for number in range(6):
        buffer.extend(moving_episode(6, number, number))
    with pytest.raises(UsageError, match=r"sampler is PrioritizedSampler, .* use RandomSampler\."):
        buffer.sample()


def test_rows_without_hindsight_are_refused() -> None:
    buffer = moving_buffer(100)
    buffer.extend(moving_episode(6, 0, 0))
    with pytest.raises(UsageError, match="put SplicedGoals behind HindsightRelabel"):
        transform_of(buffer)(buffer.storage[:])
