"""What PointMass and FourRooms share: seeds, resets of some, waiting, states, and TorchRL's own checks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torchrl.envs.utils import check_env_specs

from sher_rl import FourRooms, PointMass
from sher_rl.envs.points import Points

MAKE = [pytest.param(partial(PointMass, 3), id="PointMass"), pytest.param(FourRooms, id="FourRooms")]
Make = Callable[..., Points]


@pytest.mark.parametrize("make", MAKE)
def test_torchrl_accepts_it(make: Make) -> None:
    check_env_specs(make(num_envs=4))


@pytest.mark.parametrize("make", MAKE)
def test_goals_do_not_depend_on_how_many_environments_there_are(make: Make) -> None:
    together = make(num_envs=4, seed=5)
    goals = torch.stack([together.reset()["desired_goal"] for _ in range(2)])
    for i in range(4):
        alone = make(seed=5 + i)
        assert torch.equal(torch.stack([alone.reset()["desired_goal"][0] for _ in range(2)]), goals[:, i])


@pytest.mark.parametrize("make", MAKE)
def test_seeds_take_effect_at_the_next_reset(make: Make) -> None:
    env = make(num_envs=2, seed=3)
    first = env.reset()["desired_goal"]
    assert env.set_seed(3) == 5
    assert torch.equal(env.reset()["desired_goal"], first)
    assert env.set_seed(3, static_seed=True) == 3
    same = env.reset()["desired_goal"]
    assert torch.equal(same[0], same[1])
    assert env.set_seed(None) is None


@pytest.mark.parametrize("make", MAKE)
def test_a_part_of_the_environments_resets_alone(make: Make) -> None:
    env = make(num_envs=3)
    start = env.reset()["observation"]
    state = env.rollout(10, break_when_any_done=False)[:, -1]["next"]
    reset = env.reset(state.clone().set("_reset", torch.tensor([[True], [False], [True]])))
    assert torch.equal(reset["observation"][1], state["observation"][1])
    assert torch.equal(reset["desired_goal"][1], state["desired_goal"][1])
    assert torch.equal(reset["observation"][[0, 2]], start[[0, 2]])
    assert (reset["desired_goal"][[0, 2]] != state["desired_goal"][[0, 2]]).all()


def test_those_that_are_over_wait_for_the_others() -> None:
    env = PointMass(2, num_envs=3, goal_limits=(1.0, 1.0), seed=2)
    steps = env.rollout(200, break_when_any_done=False, break_when_all_done=True)["next"]
    over = steps["done"].squeeze(-1).int().argmax(1)
    assert over.unique().numel() > 1
    for row, last in zip(steps, over, strict=True):
        assert (row["observation"][last:] == row["observation"][last]).all()
        assert row["done"][last:].all()


@pytest.mark.parametrize("make", MAKE)
def test_it_goes_on_from_its_state_to_the_bit(make: Make) -> None:
    env = make(num_envs=3, seed=1)
    other = make(num_envs=3, seed=99)
    env.rollout(130, break_when_any_done=False)
    other.set_state(env.get_state())
    actions = torch.rand(90, *env.action_spec.shape) * 2 - 1
    ends = []
    for one in (env, other):
        state = one.reset(one.rand_action().set("_reset", torch.tensor([[True], [False], [False]])))
        for action in actions:
            _, state = one.step_and_maybe_reset(state.set("action", action))
        ends.append(state)
    assert (ends[0] == ends[1]).all()
