"""What goes on with what: told by the goals stored, where ids or shapes alone would mix episodes up."""

from __future__ import annotations

import pytest
import torch
from helpers import point
from helpers.episodes import drawn, episode, make_buffer, reward_fn
from tensordict import TensorDict
from torchrl.collectors import Collector
from torchrl.data import LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer

from sher_rl import HindsightRelabel, UsageError, make_env


def with_ids(data: TensorDict, number: int) -> TensorDict:
    return data.set(("collector", "traj_ids"), torch.full(data.shape, number))


def foreign(buffer: ReplayBuffer) -> float:
    """Share of the rows whose goal is of another episode."""
    batch = drawn(buffer, 200)
    return (batch["desired_goal"][..., 0] != batch["next", "achieved_goal"][..., 0]).double().mean().item()


def test_a_second_collector_whose_ids_start_again_begins_an_episode_of_its_own():
    buffer = make_buffer(50, strategy="final", ratio=1.0)
    buffer.extend(with_ids(episode(6, number=1, done=False), 0))
    buffer.extend(with_ids(episode(6, number=2, done=False), 0))
    assert foreign(buffer) == 0


def test_an_episode_goes_on_in_the_next_write_with_its_id():
    buffer = make_buffer(50, strategy="final", ratio=1.0)
    whole = with_ids(episode(9, number=1), 4)
    buffer.extend(whole[:5])
    buffer.extend(whole[5:])
    assert (drawn(buffer, 2)["desired_goal"] == torch.tensor([1.0, 9.0])).all()


def test_another_goal_of_the_task_is_another_episode():
    buffer = make_buffer(50, strategy="final", ratio=1.0)
    buffer.extend(with_ids(episode(6, number=1, done=False), 0))
    other = with_ids(episode(6, number=1, start=6), 0)
    other["desired_goal"] = other["next", "desired_goal"] = other["desired_goal"] + 1
    buffer.extend(other)
    assert drawn(buffer, 2)["desired_goal"][:6, :, 1].unique().tolist() == [6]


def test_two_real_collectors_on_one_buffer():
    storage = LazyTensorStorage(200)
    relabel = HindsightRelabel(point.point_reward, storage, strategy="final", ratio=1.0)
    buffer = TensorDictReplayBuffer(storage=storage, transform=relabel)
    outcomes = []
    for seed in (1, 2):
        env = make_env("Point-v0", 1, backend="gym", seed=seed)
        collector = Collector(env, frames_per_batch=10, total_frames=10, auto_register_policy_transforms=False)
        for data in collector:
            buffer.extend(data)
            outcomes.append(data["next", "achieved_goal"].reshape(-1, 3)[-1])
    goals = drawn(buffer, 2)["desired_goal"][:, 0]
    for number, outcome in enumerate(outcomes):
        assert (goals[10 * number : 10 * number + 10] == outcome).all()


def steps_of_environments(n: int) -> TensorDict:
    """``[time, env]``: what a loop over steps of a batch of environments has in its hands, step by step."""
    return torch.stack([episode(8, number=number) for number in range(n)]).transpose(0, 1)


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_step_of_several_environments_written_as_time_is_refused(mode):
    buffer = make_buffer(100, mode=mode)
    with pytest.raises(UsageError, match=r"\[env, time\]"):
        buffer.extend(steps_of_environments(4)[0])


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_rollout_with_time_first_is_refused(mode):
    buffer = make_buffer(100, mode=mode)
    with pytest.raises(UsageError, match=r"\[env, time\]"):
        buffer.extend(steps_of_environments(4))


def test_transitions_of_several_environments_in_turns_are_refused():
    buffer = make_buffer(100)
    row, other = steps_of_environments(2)[0]
    buffer.add(row)
    with pytest.raises(UsageError, match="in turns"):
        buffer.add(other)


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_flat_rollout_of_several_environments_is_parted_where_they_meet(mode):
    """As ``data.reshape(-1)`` of ``[env, time]`` without ids gives it."""
    buffer = make_buffer(200, strategy="final", mode=mode, k=1)
    buffer.extend(torch.cat([episode(6, number=number, done=False) for number in range(4)]))
    batch = buffer.sample(500)
    moved = batch[batch["hindsight", "relabelled"]]
    assert (moved["desired_goal"][:, 0] == moved["next", "achieved_goal"][:, 0]).all()
    assert (moved["desired_goal"][:, 1] == 6).all()


def test_an_episode_cut_without_a_flag_is_parted_from_the_next():
    buffer = make_buffer(100, strategy="final", ratio=1.0)
    for number, length in enumerate((3, 2, 4)):
        for row in episode(length, number=number, done=False):
            buffer.add(row)
    assert foreign(buffer) == 0


def test_data_without_the_goal_achieved_before_are_taken_at_their_word():
    buffer = make_buffer(100, strategy="final", ratio=1.0)
    buffer.extend(episode(6, number=1, done=False).exclude("achieved_goal"))
    for row in torch.cat([episode(2, number=2), episode(3, number=3)]).exclude("achieved_goal"):
        buffer.add(row)
    assert foreign(buffer) == 0


@pytest.mark.parametrize("size", [(), (2, 2)])
def test_goals_of_any_shape_are_compared(size):
    storage = LazyTensorStorage(50)
    relabel = HindsightRelabel(reward_fn, storage, strategy="final", ratio=1.0)
    buffer = TensorDictReplayBuffer(storage=storage, transform=relabel)
    data = torch.cat([episode(4, number=number, done=False) for number in (1, 2)])
    achieved = torch.arange(10.0).reshape(10, *(1,) * len(size)).expand(10, *size).clone()
    data["achieved_goal"] = torch.cat([achieved[:4], achieved[5:9]])
    data["next", "achieved_goal"] = torch.cat([achieved[1:5], achieved[6:]])
    data["desired_goal"] = data["next", "desired_goal"] = torch.zeros(8, *size)
    buffer.extend(data)
    assert buffer.storage.get(torch.arange(8))["hindsight", "remaining"].tolist() == [3, 2, 1, 0] * 2


def test_goals_that_fit_together_nowhere_leave_it_to_the_shape():
    buffer = make_buffer(100)
    data = torch.stack([episode(5, number=number) for number in range(3)])
    data["achieved_goal"] = torch.rand(3, 5, 2).double()
    buffer.extend(data)
    assert buffer.storage.get(torch.arange(15))["hindsight", "remaining"].tolist() == [4, 3, 2, 1, 0] * 3
