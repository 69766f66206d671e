"""PointMass: its dynamics against a loop, its ends and its goals."""

from __future__ import annotations

import math

import pytest
import torch

from sher_rl import PointMass, UsageError
from sher_rl.envs.point_mass import point_mass_limits


def clip(value: float, most: float) -> float:
    return max(-most, min(most, value))


@pytest.mark.parametrize("dims", [2, 4])
def test_steps_are_those_of_a_loop(dims: int) -> None:
    env = PointMass(dims, num_envs=3, seed=7)
    steps = env.rollout(60, break_when_any_done=False)
    limits = point_mass_limits(dims)
    for row in steps:
        position = [0.0] * dims
        velocity = [0.0] * dims
        for step in row:
            for i, push in enumerate(step["action"].tolist()):
                velocity[i] = clip(velocity[i] + 0.02 * push, 5.0)
                position[i] = clip(position[i] + 0.02 * velocity[i], limits[i])
            assert step["next", "observation"].tolist() == pytest.approx(position + velocity, abs=1e-5)
            assert step["next", "achieved_goal"].tolist() == pytest.approx(position, abs=1e-5)


def push_on(env: PointMass, direction: list[float], steps: int) -> torch.Tensor:
    state = env.reset()
    for _ in range(steps):
        state["action"] = torch.tensor([direction])
        state = env.step(state)["next"]
    return state


def test_the_wall_stops_the_mass() -> None:
    state = push_on(PointMass(4), [1.0, 0.0, -1.0, 1.0], 150)
    assert state["achieved_goal"].tolist() == [pytest.approx([1.0, 0.0, -0.3, 0.3])]


def test_the_far_end_is_in_reach_of_an_episode() -> None:
    state = push_on(PointMass(2), [0.0, 1.0], 199)
    assert state["achieved_goal"][0, 1] > 3.9
    assert not state["truncated"].any()


def test_an_episode_ends_at_the_goal_or_after_200_steps() -> None:
    near = PointMass(2, goal_limits=(0.1, 0.1))
    first = near.step(near.rand_action(near.reset()))["next"]
    assert first["is_success"].item() == 1.0
    assert first["terminated"].item()
    assert first["done"].item()
    assert first["reward"].item() == 0.0
    assert not first["truncated"].item()
    last = push_on(PointMass(2, seed=1), [0.0, 0.0], 200)
    assert (last["truncated"].item(), last["terminated"].item(), last["reward"].item()) == (True, False, -1.0)


def test_a_goal_is_met_within_its_distance() -> None:
    env = PointMass(4)
    assert env.distance == pytest.approx(0.3 * math.sqrt(2))
    achieved = torch.tensor([[0.42, 0, 0, 0], [0.43, 0, 0, 0]])
    assert env.met(achieved, torch.zeros(2, 4)).flatten().tolist() == [True, False]
    assert env.reward_fn(achieved, torch.zeros(2, 4)).flatten().tolist() == [0.0, -1.0]


def test_goals_fill_their_box() -> None:
    limits = point_mass_limits(3)
    goals = PointMass(3, num_envs=500, goal_limits=limits).reset()["desired_goal"]
    assert (goals.abs() <= torch.tensor(limits)).all()
    assert (goals.abs().amax(0) > 0.95 * torch.tensor(limits)).all()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"dims": 1}, "dims is 1"),
        ({"dims": 2, "num_envs": 0}, "num_envs is 0"),
        ({"dims": 2, "goal_limits": (1.0,)}, "goal_limits are"),
        ({"dims": 2, "goal_limits": (1.0, -1.0)}, "use 2 numbers above 0"),
    ],
)
def test_wrong_arguments_are_refused(wrong: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        PointMass(**wrong)
