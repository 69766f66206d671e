"""What changes in rows that get other goals."""

from __future__ import annotations

import math

import pytest
import torch
from helpers.episodes import Model, drawn, episode, make_buffer, relabel_of, reward_fn, writes
from hypothesis import given
from hypothesis import strategies as st
from tensordict import TensorDict
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer

from sher_rl import HindsightRelabel, UsageError
from sher_rl.replay.rewrite import distance, scatter


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


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.int64, torch.uint8, torch.bool])
def test_distances_of_goals_of_any_dtype(dtype: torch.dtype) -> None:
    goal = torch.tensor([[0, 1, 1], [1, 0, 1]]).to(dtype)
    other = torch.tensor([[1, 1, 1], [0, 1, 0]]).to(dtype)
    torch.testing.assert_close(
        distance(goal, other).double(), torch.tensor([1.0, 3**0.5], dtype=torch.float64), rtol=1e-6, atol=0
    )
    assert distance(goal[:, 0], other[:, 0]).tolist() == [1, 1]


def test_a_pose_has_moved_by_its_position_and_its_quaternion_together() -> None:
    still = torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    turned = torch.tensor([[0.3, 0.0, 0.0, 0.6, 0.8, 0.0, 0.0]])  # by 2 arccos 0.6 = 106 degrees
    assert distance(turned, still).item() == pytest.approx((0.3**2 + 0.4**2 + 0.8**2) ** 0.5)
    opposite = still * torch.tensor([1, 1, 1, -1, -1, -1, -1])  # the same rotation, and yet 2 apart
    assert distance(opposite, still).item() == 2


STRATEGIES = ["future", "next", "final", "episode", "random", "actual"]


@given(
    capacity=st.integers(1, 40),
    strategy=st.sampled_from(STRATEGIES),
    min_motion=st.sampled_from([0.5, 1.0, 1.5, 3.0, 100.0]),
    steps=writes(),
)
def test_goals_that_were_achieved_already_are_not_given(capacity, strategy, min_motion, steps):
    """Against brute force: of the goals of the strategy those that lie far enough, or else the row's own."""
    buffer, model = make_buffer(capacity, strategy=strategy, ratio=1.0, min_motion=min_motion), Model(capacity)
    for dones, ids, _ in steps:
        if sum(map(len, dones)) <= capacity and not model.in_turns(dones, ids):
            data = model.write(dones, ids)
            if ids:
                data["collector", "traj_ids"] = torch.tensor(ids)
            buffer.extend(data if len(dones) > 1 else data[0])
    for row in drawn(buffer).unbind(0) if model.rows else []:
        number, step = row["next", "achieved_goal"][0].tolist()
        goals = model.goals(strategy, (number, step))
        given = {goal for goal in goals if math.dist(goal, (number, step - 1)) >= min_motion}
        own = {(-1, -number)} if given != goals else set()
        assert set(map(tuple, row["desired_goal"].tolist())) == given | own
        relabelled = row["hindsight", "relabelled"]
        assert relabelled.any() == bool(given)
        assert (row["desired_goal"][~relabelled] == torch.tensor([-1.0, -number])).all()
        assert torch.equal(row["next", "reward"], reward_fn(row["next", "achieved_goal"], row["desired_goal"]))


@pytest.mark.parametrize("mode", ["read", "write"])
@pytest.mark.parametrize("strategy", ["future", {"future": 1, "next": 1}, "episode"])
def test_the_draws_are_those_without_a_least_motion(mode: str, strategy: object) -> None:
    """The same seed gives the same goals, but for those that a row had achieved already."""

    def batch(min_motion: float) -> TensorDict:
        generator = torch.Generator().manual_seed(0)
        storage = LazyTensorStorage(500)
        options = {"strategy": strategy, "mode": mode, "k": 4, "generator": generator, "min_motion": min_motion}
        buffer = TensorDictReplayBuffer(storage=storage, transform=HindsightRelabel(reward_fn, storage, **options))
        buffer.extend(episode(30))
        return drawn(buffer, 100) if mode == "read" else storage.get(range(150))

    every, moved = batch(0.0), batch(2.0)
    away = distance(every["desired_goal"].flatten(0, -2), every["achieved_goal"].flatten(0, -2)) >= 2
    away = away.reshape(every.shape)
    was, now = every["hindsight", "relabelled"], moved["hindsight", "relabelled"]
    assert torch.equal(now, was & away)
    assert 0 < now.sum() < was.sum()
    own = torch.tensor([-1.0, 0.0], dtype=torch.float64)
    assert torch.equal(moved["desired_goal"], torch.where(now.unsqueeze(-1), every["desired_goal"], own))
    assert torch.equal(moved["hindsight", "offset"], every["hindsight", "offset"])


@pytest.mark.parametrize("least", [-0.1, float("inf"), float("nan"), "much"])
def test_a_least_motion_out_of_range_is_refused(least: object) -> None:
    with pytest.raises(UsageError, match="min_motion is"):
        HindsightRelabel(reward_fn, LazyTensorStorage(10), min_motion=least)


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_least_motion_needs_to_know_where_a_row_began(mode: str) -> None:
    storage = LazyTensorStorage(50)
    relabel = HindsightRelabel(reward_fn, storage, mode=mode, min_motion=0.1)
    buffer = TensorDictReplayBuffer(storage=storage, transform=relabel)
    with pytest.raises(UsageError, match=r"lack .*'achieved_goal'"):
        buffer.extend(episode(5).exclude("achieved_goal"))


def test_rows_that_do_not_say_where_they_began_are_refused() -> None:
    buffer = make_buffer(50, min_motion=0.1)
    buffer.extend(episode(5))
    rows = buffer.storage.get(torch.arange(3)).exclude("achieved_goal")
    with pytest.raises(UsageError, match="'achieved_goal', from which min_motion"):
        relabel_of(buffer).choose(rows)
