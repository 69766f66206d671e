"""Pools of goals: which numbers count, and the buffers that have none."""

from __future__ import annotations

import pytest
import torch
from helpers.cher import NEAREST, episodes, make_buffer, record
from helpers.episodes import episode, reward_fn
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer

from sher_rl import CHERSampler, HindsightRelabel, UsageError
from sher_rl.functional.curriculum import proximity


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.int64, torch.bool])
def test_goals_of_any_shape_and_dtype(shape, dtype):
    data, goals = episode(30), torch.randint(2, (31, *shape)).to(dtype)
    data["desired_goal"] = data["next", "desired_goal"] = torch.zeros_like(goals[1:])
    data["achieved_goal"], data["next", "achieved_goal"] = goals[:-1], goals[1:]
    storage = LazyTensorStorage(100)
    relabel = HindsightRelabel(lambda a, d: (a == d).reshape(len(a), -1).all(-1, keepdim=True), storage)
    buffer = TensorDictReplayBuffer(storage=storage, sampler=CHERSampler(relabel, **NEAREST), transform=relabel)
    buffer.extend(data)
    _, taken = record(buffer)
    batch = buffer.sample(40)
    assert batch["desired_goal"].shape == (40, *shape)
    assert batch["desired_goal"].dtype == dtype
    assert taken == [True]


def test_nested_and_renamed_keys():
    data = episode(6).rename_key_("desired_goal", ("agent", "goal")).rename_key_("achieved_goal", ("agent", "at"))
    data["next"].rename_key_("desired_goal", ("agent", "goal")).rename_key_("achieved_goal", ("agent", "at"))
    keys = {"achieved_goal_key": ("agent", "at"), "desired_goal_key": ("agent", "goal")}
    storage = LazyTensorStorage(100)
    relabel = HindsightRelabel(reward_fn, storage, **keys)
    buffer = TensorDictReplayBuffer(storage=storage, sampler=CHERSampler(relabel), transform=relabel)
    buffer.extend(data)
    assert buffer.sample(8)["agent", "goal"].shape == (8, 2)


@pytest.mark.parametrize(
    ("goal", "part"), [("full", slice(None)), ("position", slice(0, 3)), ("rotation", slice(3, 7))]
)
def test_distances_are_of_the_part_named(goal, part):
    data, poses = episode(200), torch.randn(201, 7)
    data["desired_goal"] = data["next", "desired_goal"] = torch.randn(200, 7)
    data["achieved_goal"], data["next", "achieved_goal"] = poses[:-1], poses[1:]
    means = {}
    for name in (goal, "other"):
        buffer = make_buffer(
            data=data, **NEAREST, goal=goal if name == goal else {"position": "rotation"}.get(goal, "position")
        )
        batch = torch.cat([buffer.sample(32) for _ in range(20)])
        means[name] = -proximity(batch["desired_goal"][:, part], batch["achieved_goal"][:, part]).mean()
    assert means[goal] < means["other"]


def test_data_without_the_goal_achieved_before_the_action_are_refused():
    with pytest.raises(UsageError, match="achieved before the action"):
        make_buffer(data=episodes().exclude("achieved_goal")).sample(32)


def test_an_empty_buffer_is_refused():
    buffer = make_buffer()
    buffer.empty()
    with pytest.raises(UsageError, match="empty"):
        buffer.sample(32)


def test_a_relabel_that_is_not_the_buffers_is_refused():
    storage = LazyTensorStorage(100)
    relabel, other = (HindsightRelabel(reward_fn, storage) for _ in range(2))
    buffer = TensorDictReplayBuffer(storage=storage, sampler=CHERSampler(other), transform=relabel)
    buffer.extend(episodes((20,)))
    with pytest.raises(UsageError, match="not a transform of the buffer"):
        buffer.sample(8)
