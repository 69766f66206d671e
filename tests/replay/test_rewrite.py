"""What changes in rows that get other goals."""

from __future__ import annotations

import pytest
import torch
from helpers.episodes import drawn, episode, reward_fn
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer

from sher_rl import HindsightRelabel, UsageError


def test_success_terminated_tasks():
    storage = LazyTensorStorage(50)
    transform = HindsightRelabel(
        reward_fn, storage, strategy={"final": 1, "real": 1}, terminated_fn=lambda a, d: (a == d).all(-1, keepdim=True)
    )
    buffer = TensorDictReplayBuffer(storage=storage, transform=transform)
    buffer.extend(episode(5))
    batch = drawn(buffer, 50).reshape(-1)
    met = (batch["next", "achieved_goal"] == batch["desired_goal"]).all(-1, keepdim=True)
    last = batch["next", "truncated"]
    assert met.any()
    assert (batch["next", "terminated"] == met).all()
    assert (batch["next", "done"] == (met | last)).all()


def test_done_keeps_a_time_limit_where_truncated_is_not_stored():
    storage = LazyTensorStorage(50)
    transform = HindsightRelabel(
        reward_fn, storage, strategy="future", terminated_fn=lambda a, d: (a == d).all(-1, keepdim=True)
    )
    buffer = TensorDictReplayBuffer(storage=storage, transform=transform)
    buffer.extend(episode(5).exclude(("next", "truncated")))
    batch = drawn(buffer, 50)
    assert batch["next", "done"][-1].all()
    assert not batch["next", "terminated"][-1].all()


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.uint8, torch.bool])
@pytest.mark.parametrize("mode", ["read", "write"])
def test_goals_of_any_shape_and_dtype(shape, dtype, mode):
    storage = LazyTensorStorage(50)
    transform = HindsightRelabel(
        lambda a, d: (a == d).reshape(len(a), -1).all(-1, keepdim=True), storage, mode=mode, strategy="final", k=1
    )
    buffer = TensorDictReplayBuffer(storage=storage, transform=transform)
    data, goals = episode(6), torch.randint(2, (6, *shape)).to(dtype)
    data["desired_goal"] = data["next", "desired_goal"] = torch.zeros_like(goals)
    data["next", "achieved_goal"] = goals
    buffer.extend(data.exclude("achieved_goal"))
    batch = buffer.sample(200)
    mask = batch["hindsight", "relabelled"]
    assert batch["desired_goal"].dtype == dtype
    assert (batch["desired_goal"][mask] == goals[-1]).all()
    assert (batch["desired_goal"][~mask] == 0).all()
    assert batch["next", "reward"].dtype == torch.float32


def test_a_reward_of_the_wrong_shape_is_refused():
    storage = LazyTensorStorage(10)
    buffer = TensorDictReplayBuffer(storage=storage, transform=HindsightRelabel(lambda a, d: (a == d).all(-1), storage))
    buffer.extend(episode(5))
    with pytest.raises(UsageError, match=r"\(7,\).*\(7, 1\)"):
        buffer.sample(7)
