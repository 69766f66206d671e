"""Slices of an episode, as recurrent policies and returns of several steps need them: each has one goal."""

from __future__ import annotations

import pytest
import torch
from helpers.episodes import episode, reward_fn
from scipy.stats import chisquare
from tensordict import TensorDict
from torchrl.data import (
    LazyTensorStorage,
    PrioritizedSliceSampler,
    ReplayBuffer,
    SliceSampler,
    SliceSamplerWithoutReplacement,
    TensorDictReplayBuffer,
)
from torchrl.data.replay_buffers import Sampler

from sher_rl import HindsightRelabel, UsageError

LENGTH = 4
OF_EPISODES = {"slice_len": LENGTH, "traj_key": ("hindsight", "trajectory")}


def make_buffer(sampler: Sampler, capacity: int = 60, kind: type[ReplayBuffer] = TensorDictReplayBuffer, **options):
    storage = LazyTensorStorage(capacity)
    relabel = HindsightRelabel(reward_fn, storage, **options)
    return kind(storage=storage, sampler=sampler, transform=relabel, batch_size=16 * LENGTH)


def write(buffer: ReplayBuffer, lengths: tuple[int, ...] = (10, 9, 12, 8, 15, 11, 10)) -> None:
    for number, length in enumerate(lengths):
        buffer.extend(episode(length, number=number))


def slices(buffer: ReplayBuffer, times: int = 20) -> TensorDict:
    return torch.cat([buffer.sample().reshape(-1, LENGTH) for _ in range(times)])


@pytest.mark.parametrize("strategy", ["future", "next", "final", "episode", "random", "actual"])
def test_the_rows_of_a_slice_have_one_goal(strategy):
    buffer = make_buffer(SliceSampler(**OF_EPISODES), strategy=strategy)
    write(buffer)
    batch = slices(buffer)
    goal, achieved = batch["desired_goal"], batch["next", "achieved_goal"]
    assert (goal == goal[:, :1]).all()
    assert (batch["next", "desired_goal"] == goal).all()
    relabelled = batch["hindsight", "relabelled"]
    assert (relabelled == relabelled[:, :1]).all()
    assert 0.7 < relabelled.double().mean() < 0.9
    assert (batch["hindsight", "offset"][~relabelled] == 0).all()
    assert torch.equal(batch["next", "reward"], reward_fn(achieved.flatten(0, 1), goal.flatten(0, 1)).reshape(-1, 4, 1))
    if strategy in {"future", "next", "final", "episode"}:
        assert (goal[relabelled][:, 0] == achieved[relabelled][:, 0]).all()
        steps = goal[relabelled][:, 1] - achieved[relabelled][:, 1]
        assert (steps == batch["hindsight", "offset"][relabelled]).all()


def test_a_next_goal_is_that_of_the_first_row():
    buffer = make_buffer(SliceSampler(**OF_EPISODES), strategy="next", ratio=1.0)
    write(buffer)
    batch = slices(buffer)
    assert torch.equal(batch["desired_goal"], batch["next", "achieved_goal"][:, :1].expand(-1, LENGTH, -1))


def test_a_slice_keeps_its_goal_where_the_first_row_had_achieved_the_one_drawn():
    buffer = make_buffer(SliceSampler(**OF_EPISODES), ratio=1.0, min_motion=2.5)
    write(buffer)
    batch = slices(buffer)
    goal, relabelled = batch["desired_goal"], batch["hindsight", "relabelled"]
    assert (goal == goal[:, :1]).all()
    assert (relabelled == relabelled[:, :1]).all()
    assert 0 < relabelled[:, 0].sum() < len(batch)
    away = (goal - batch["achieved_goal"])[:, 0].norm(dim=-1)
    assert away[relabelled[:, 0]].min() >= 2.5
    assert (goal[~relabelled][:, 0] == -1).all()


def test_a_future_goal_is_one_of_the_first_rows():
    buffer = make_buffer(SliceSampler(**OF_EPISODES), ratio=1.0)
    write(buffer, (8,))
    batch = slices(buffer, times=1000)
    for first in range(1, 6):
        at_first = batch[batch["next", "achieved_goal"][:, 0, 1] == first]
        _, counts = at_first["desired_goal"][:, 0, 1].unique(return_counts=True)
        assert len(counts) == 9 - first
        assert chisquare(counts.numpy()).pvalue > 1e-4


@pytest.mark.parametrize(
    "sampler",
    [
        lambda: PrioritizedSliceSampler(60, 0.7, 0.5, **OF_EPISODES),
        lambda: SliceSamplerWithoutReplacement(**OF_EPISODES),
        lambda: SliceSampler(strict_length=False, pad_output=True, **OF_EPISODES),
    ],
)
@pytest.mark.parametrize("kind", [TensorDictReplayBuffer, ReplayBuffer])
def test_samplers_of_slices_and_buffers(sampler, kind):
    buffer = make_buffer(sampler(), kind=kind, ratio=1.0, strategy="episode")
    write(buffer)
    batch = buffer.sample()
    goal = batch["desired_goal"].reshape(-1, LENGTH, 2)
    assert (goal == goal[:, :1]).all()
    assert (goal[..., 0] == batch["next", "achieved_goal"].reshape(-1, LENGTH, 2)[..., 0]).all()


def test_slices_shorter_than_asked_for_have_one_goal_each():
    buffer = make_buffer(SliceSampler(strict_length=False, **OF_EPISODES), ratio=1.0)
    write(buffer, (2, 3, 6, 1))
    batch = buffer.sample()
    number, step = batch["next", "achieved_goal"].unbind(-1)
    begins = torch.ones(len(batch), dtype=torch.bool)
    begins[1:] = (number[1:] != number[:-1]) | (step[1:] != step[:-1] + 1)
    which = begins.cumsum(0)
    for each in range(1, int(which[-1]) + 1):
        assert len(batch["desired_goal"][which == each].unique(dim=0)) == 1
    assert (batch["desired_goal"][:, 0] == number).all()


def test_returns_of_several_steps_can_be_summed_over_a_slice():
    """State 2, goal 10, three steps, gamma 0.9: -2.71."""
    storage = LazyTensorStorage(20)

    def cost(achieved: torch.Tensor, desired: torch.Tensor) -> torch.Tensor:
        return -(achieved != desired).any(-1, keepdim=True).float()

    relabel = HindsightRelabel(cost, storage, strategy="final", ratio=1.0)
    sampler = SliceSampler(slice_len=3, traj_key=("hindsight", "trajectory"))
    buffer = TensorDictReplayBuffer(storage=storage, sampler=sampler, transform=relabel, batch_size=300)
    buffer.extend(episode(10))
    batch = buffer.sample().reshape(-1, 3)
    from_two = batch[batch["achieved_goal"][:, 0, 1] == 2]
    returns = (from_two["next", "reward"].squeeze(-1) * torch.tensor([1, 0.9, 0.81])).sum(-1)
    torch.testing.assert_close(returns, torch.full_like(returns, -2.71))


@pytest.mark.parametrize(
    "options",
    [{"num_slices": 16}, {"slice_len": LENGTH, "span": True}, {"slice_len": LENGTH, "fragmented": True}],
)
def test_slices_whose_beginning_nobody_can_tell_are_refused(options):
    buffer = make_buffer(SliceSampler(traj_key=("hindsight", "trajectory"), **options))
    with pytest.raises(UsageError, match="slice_len alone"):
        write(buffer)


def test_slices_drawn_side_by_side_are_two_although_one_follows_the_other():
    buffer = make_buffer(SliceSampler(**OF_EPISODES), ratio=1.0)
    write(buffer, (8,))
    rows = buffer.storage.get(torch.arange(8).repeat(200))
    goals = buffer.transform(rows)["desired_goal"][:, 1].reshape(-1, 2, LENGTH)
    assert (goals == goals[..., :1]).all()
    assert goals[:, 1].min() == 5  # none is older than the slice


def test_a_sampler_that_would_undo_the_ends_is_refused():
    buffer = make_buffer(SliceSampler(**OF_EPISODES), terminated_fn=lambda a, d: (a == d).all(-1, keepdim=True))
    with pytest.raises(UsageError, match="truncated_key=None"):
        write(buffer)


def test_ends_are_those_of_the_new_goals_where_the_sampler_leaves_them():
    sampler = SliceSampler(truncated_key=None, **OF_EPISODES)
    buffer = make_buffer(sampler, ratio=1.0, terminated_fn=lambda a, d: (a == d).all(-1, keepdim=True))
    write(buffer)
    batch = buffer.sample()
    met = (batch["next", "achieved_goal"] == batch["desired_goal"]).all(-1, keepdim=True)
    assert met.any()
    assert (batch["next", "terminated"] == met).all()
