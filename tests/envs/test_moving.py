"""Tasks whose goals move: their published numbers, and both backends alike."""

import pytest
import torch
from tensordict import TensorDictBase

from sher_rl import goal_reward, make_env
from sher_rl.envs.make_gym import make_gym
from sher_rl.tasks import MOVING_RECORDS, find_task

IDS = [task.env_id for task in MOVING_RECORDS]


def episodes(env_id: str, count: int = 8, seed: int = 0, steps: int = 50) -> TensorDictBase:
    env = make_env(env_id, count, seed=seed, num_threads=1)
    torch.manual_seed(0)
    return env.rollout(steps)


def moves(rows: TensorDictBase) -> torch.Tensor:
    return rows["next", "desired_goal"] - rows["desired_goal"]


@pytest.mark.parametrize("task", MOVING_RECORDS, ids=lambda task: task.name)
def test_a_record_has_the_numbers_of_its_environment(task) -> None:
    env = make_gym(task.env_id)
    assert env.spec.max_episode_steps == task.episode_steps == 50
    assert env.unwrapped.distance_threshold == task.goal.distance == 0.01
    assert make_gym(task.dense_id).unwrapped.reward_type == "dense"
    assert find_task(task.dense_id) is task


@pytest.mark.parametrize("env_id", IDS)
def test_both_backends_give_the_same(env_id: str) -> None:
    native = make_env(env_id, 2, seed=5, num_threads=1)
    gym = make_env(env_id, 2, seed=5, backend="gym")
    assert native.goal_moves
    assert gym.goal_moves
    a, b = native.reset(), gym.reset()
    for step in range(60):  # past the end of an episode
        action = torch.rand(2, 4, generator=torch.Generator().manual_seed(step)) * 2 - 1
        a, after_a = native.step_and_maybe_reset(a.set("action", action))
        b, after_b = gym.step_and_maybe_reset(b.set("action", action))
        for key in ("observation", "achieved_goal", "desired_goal", "reward", "is_success", "done"):
            assert torch.equal(a["next", key], b["next", key]), (step, key)
        a, b = after_a, after_b


@pytest.mark.parametrize("env_id", IDS)
def test_success_and_reward_are_those_of_the_goal_after_the_step(env_id: str) -> None:
    rows = episodes(env_id).reshape(-1)
    reward = goal_reward(env_id)(rows["next", "achieved_goal"], rows["next", "desired_goal"])
    assert torch.equal(reward, rows["next", "reward"])
    assert torch.equal(rows["next", "is_success"], reward + 1)
    assert (moves(rows).norm(dim=-1) > 0.00049).all()
    assert rows["observation"].shape[-1] == {"DyPush-v0": 25}.get(env_id, 10)


@pytest.mark.parametrize(
    ("env_id", "step"),
    [("DyReach-v0", [0.011, 0, 0]), ("DyReachFast-v0", [0.022, 0, 0]), ("DyPush-v0", [0, 0.005, 0])],
)
def test_goals_move_on_a_line(env_id: str, step: list[float]) -> None:
    assert torch.allclose(moves(episodes(env_id)), torch.tensor(step), atol=1e-6)


def test_goals_of_dy_reach_start_where_published() -> None:
    starts = episodes("DyReach-v0", 64, steps=1)["desired_goal"].reshape(-1, 3)
    assert (starts[:, 2] == 0.5).all()
    offsets = starts[:, :2] - torch.tensor([1.3419, 0.7491])
    assert 0.09 < offsets.abs().max() <= 0.1001


def test_goals_of_dy_circle_move_round_a_centre() -> None:
    goals = episodes("DyCircle-v0", 32)["desired_goal"].double()
    turn = moves(episodes("DyCircle-v0", 32)).double().norm(dim=-1) / 0.1
    assert 0.005 <= turn.min() < turn.max() <= 0.0121
    assert torch.allclose(turn, turn.mean(1, keepdim=True).expand_as(turn), atol=1e-5)
    assert ((goals[..., :2] - torch.tensor([0.8, 0.5])).abs() < 0.151).all()
    assert (goals[..., 2] == 0.5).all()


def test_the_box_of_dy_push_lies_in_a_row() -> None:
    starts = episodes("DyPush-v0", 64, steps=1)["achieved_goal"].reshape(-1, 3)
    gripper = torch.tensor(make_gym("DyPush-v0").unwrapped.initial_gripper_xpos).float()
    assert torch.allclose(starts[:, 0], gripper[0] + 0.1, atol=1e-4)
    assert 0.14 < (starts[:, 1] - gripper[1]).abs().max() < 0.1501


def test_a_goal_that_was_met_waits() -> None:
    env = make_env("DyReach-v0", 4, seed=0, num_threads=1)
    rows = env.reset()
    met = []
    for _ in range(40):
        ahead = rows["desired_goal"] + torch.tensor([0.011, 0, 0])
        action = torch.nn.functional.pad(((ahead - rows["achieved_goal"]) / 0.04).clamp(-1, 1), (0, 1))
        after = env.step(rows.set("action", action))["next"]
        moved = (after["desired_goal"] != rows["desired_goal"]).any(-1)
        if met:
            assert torch.equal(moved, ~met[-1])
        met.append(after["is_success"].squeeze(-1).bool())
        rows = after
    assert torch.stack(met).any(0).all()


@pytest.mark.parametrize("env_id", IDS)
def test_it_goes_on_to_the_bit_from_a_state_in_mid_episode(env_id: str) -> None:
    one, other = (make_env(env_id, 3, seed=seed, num_threads=1) for seed in (0, 9))
    other.rollout(3)
    torch.manual_seed(1)
    rows = one.rollout(30)[:, -1]["next"].exclude("reward", "is_success")
    other.set_state(one.get_state())
    torch.manual_seed(2)
    expected = one.rollout(40, auto_reset=False, tensordict=rows.clone(), break_when_any_done=False)
    torch.manual_seed(2)
    got = other.rollout(40, auto_reset=False, tensordict=rows.clone(), break_when_any_done=False)
    for key in ("observation", "desired_goal", "reward"):
        assert torch.equal(expected["next", key], got["next", key])
