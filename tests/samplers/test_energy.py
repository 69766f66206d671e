"""EBPSampler: which goals and tasks it takes, and that energy decides."""

from __future__ import annotations

import math

import pytest
import torch
from helpers.trajectories import episode, goals, make_buffer

from sher_rl import TASKS, EBPSampler, HindsightRelabel, UsageError, goal_reward, make_env
from sher_rl.functional.energy import Physics, trajectory_energy


def stored_energies(buffer) -> torch.Tensor:
    return buffer.sampler._table.value


@pytest.mark.parametrize(
    ("env_id", "max_gain"),
    [
        ("FetchPush-v4", math.inf),
        ("FetchSlide-v4", math.inf),
        ("FetchPickAndPlace-v4", 0.5),
        ("FetchPickAndPlaceDense-v4", 0.5),
        ("HandManipulateBlock-v1", 2.5),
        ("HandManipulateEgg-v1", 2.5),
        ("HandManipulatePen-v1", 2.5),
    ],
)
def test_tasks_have_the_published_bound(env_id, max_gain):
    assert EBPSampler.for_task(env_id).max_gain == max_gain
    assert EBPSampler.for_task(env_id, max_gain=9.0, rank=True).max_gain == 9.0


@pytest.mark.parametrize("env_id", TASKS)
def test_each_task_is_either_taken_or_refused(env_id):
    if env_id in ("FetchReach-v4", "HandReach-v3"):
        with pytest.raises(UsageError, match="no object"):
            EBPSampler.for_task(env_id)
    else:
        assert EBPSampler.for_task(env_id).rank is False


@pytest.mark.parametrize(("env_id", "named"), [("PointMaze_UMaze-v3", "no Fetch or Hand task"), ("FetchPush-v1", "v4")])
def test_other_tasks_are_refused(env_id, named):
    with pytest.raises(UsageError, match=named):
        EBPSampler.for_task(env_id)


@pytest.mark.parametrize("size", [1, 2, 4, 15])
def test_goals_that_are_no_poses_are_refused(size):
    with pytest.raises(UsageError, match=rf"\({size},\).*object"):
        make_buffer(EBPSampler()).extend(episode(goals(1, 5, size)))


@pytest.mark.parametrize("max_gain", [0.0, -1.0, math.nan])
def test_bounds_out_of_range_are_refused(max_gain):
    with pytest.raises(UsageError, match="max_gain is"):
        EBPSampler(max_gain=max_gain)


@pytest.mark.parametrize("size", [3, 7])
def test_the_values_are_the_trajectories_energies(size):
    physics = Physics(mass=2.0, dt=0.1, potential=0.5)
    buffer = make_buffer(EBPSampler(max_gain=0.7, physics=physics))
    paths = [goals(number, length, size) for number, length in ((1, 6), (2, 9), (3, 4))]
    for path in paths:
        buffer.extend(episode(path))
    expected = [
        trajectory_energy(path[:-1], path[1:], torch.tensor([len(path) - 1]), max_gain=0.7, physics=physics)
        for path in paths
    ]
    torch.testing.assert_close(stored_energies(buffer), torch.cat(expected))


def test_several_environments_in_one_write():
    buffer = make_buffer(EBPSampler())
    paths = [goals(number, 6) for number in (1, 2, 4)]
    buffer.extend(torch.stack([episode(path, done=False) for path in paths]))
    length = torch.tensor([5])
    expected = [trajectory_energy(path[:-1], path[1:], length) for path in paths]
    torch.testing.assert_close(stored_energies(buffer), torch.cat(expected))


def test_goals_that_are_not_finite_are_never_drawn():
    buffer = make_buffer(EBPSampler())
    for number in (1, 2):
        buffer.extend(episode(goals(number, 6)))
    buffer.extend(episode(torch.full((6, 3), math.nan, dtype=torch.float64)))
    assert buffer.sampler.probabilities()[2] == 0
    assert (buffer.sample(1000)["index"] < 10).all()


def test_rollouts_of_a_task_with_an_object():
    env = make_env("FetchPush-v4", num_envs=4)
    buffer = make_buffer(EBPSampler.for_task("FetchPush-v4"))
    data = env.rollout(50)
    env.close()
    buffer.extend(data)
    moved = (data["next", "achieved_goal"] - data["achieved_goal"]).norm(dim=-1).sum(-1)
    assert isinstance(buffer.transform[0], HindsightRelabel)
    assert stored_energies(buffer).argmax() == moved.argmax()
    assert goal_reward("FetchPush-v4")(data["achieved_goal"][0], data["desired_goal"][0]).shape == (50, 1)
