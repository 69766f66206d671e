"""What changes in rows that get other goals."""

from __future__ import annotations

import pytest
import torch
from helpers.episodes import drawn, episode, reward_fn
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer

from sher_rl import HindsightRelabel, UsageError
from sher_rl.replay.rewrite import scatter


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


NOISE = 0.01


@pytest.mark.parametrize("mode", ["read", "write"])
def test_noise_on_goals_is_gaussian_and_on_relabelled_rows_alone(mode: str) -> None:
    storage = LazyTensorStorage(1_000)
    relabel = HindsightRelabel(
        reward_fn, storage, k=2, mode=mode, goal_noise=NOISE, generator=torch.Generator().manual_seed(0)
    )
    buffer = TensorDictReplayBuffer(storage=storage, transform=relabel)
    buffer.extend(episode(20))
    batch = buffer.sample(20_000)
    relabelled = batch["hindsight", "relabelled"]
    noise = batch["desired_goal"] - batch["desired_goal"].round()  # goals are whole numbers
    assert (noise[~relabelled] == 0).all()
    assert noise[relabelled].abs().max() < 6 * NOISE
    if mode == "read":  # written goals are drawn once: 40 of them
        assert noise[relabelled].std() == pytest.approx(NOISE, rel=0.03)
        assert noise[relabelled].mean() == pytest.approx(0, abs=4e-4)
    assert torch.equal(batch["next", "reward"], reward_fn(batch["next", "achieved_goal"], batch["desired_goal"]))


def test_no_noise_draws_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    goal = torch.ones(3, 2)
    before = generator.get_state()
    assert scatter(goal, torch.tensor([True, False, True]), 0.0, generator) is goal
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("noise", [-0.1, float("inf"), float("nan"), "much"])
def test_noise_out_of_range_is_refused(noise: object) -> None:
    with pytest.raises(UsageError, match="goal_noise is"):
        HindsightRelabel(reward_fn, LazyTensorStorage(10), goal_noise=noise)
