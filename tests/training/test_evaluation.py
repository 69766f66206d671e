import math
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from helpers.small import small_config
from tensordict import TensorDict
from tensordict.nn import TensorDictModule

from sher_rl import make_env
from sher_rl.envs.make_gym import make_gym
from sher_rl.report.progress_csv import POSE_COLUMNS
from sher_rl.training.evaluation import (
    Evaluation,
    evaluate,
    evaluate_from_start,
    final_states,
    pose_columns,
)
from sher_rl.training.successes import episode_success


class Reacher(torch.nn.Module):
    """Walks towards the goal if the goal is to the left of a line, away from it otherwise."""

    def forward(self, observation: torch.Tensor, desired_goal: torch.Tensor) -> torch.Tensor:
        way = desired_goal - observation[..., :3]
        way = torch.where(desired_goal[..., 1:2] < 0.75, way, -way)
        return torch.cat((10 * way, torch.zeros_like(way[..., :1])), -1).clamp(-1, 1)


@pytest.fixture
def policy() -> TensorDictModule:
    return TensorDictModule(Reacher(), in_keys=["observation", "desired_goal"], out_keys=["action"])


def by_gymnasium(policy: TensorDictModule, seeds: Iterable[int | None]) -> list[float]:
    """Success of an episode for each seed; None goes on without one."""
    env, results = make_gym("FetchReach-v4"), []
    for seed in seeds:
        observation, _ = env.reset(seed=seed)
        done = False
        while not done:
            state = {key: torch.tensor(observation[key]).float() for key in ("observation", "desired_goal")}
            observation, _, _, done, info = env.step(policy(**state).numpy())
        results.append(float(info["is_success"]))
    return results


def test_episodes_are_those_of_gymnasium_whatever_the_number_of_environments(policy: TensorDictModule) -> None:
    expected = by_gymnasium(policy, range(50_000, 50_005))
    assert 0 < sum(expected) < 5
    for num_envs in (1, 2, 5):
        env = make_env("FetchReach-v4", num_envs)
        for _ in range(2):  # again on a used environment
            assert evaluate(policy, env, episodes=5, seed=50_000).tolist() == expected


def test_success_is_that_of_the_last_step() -> None:
    success, done = torch.zeros(2, 4, 1), torch.zeros(2, 4, 1, dtype=torch.bool)
    success[0, 1] = success[1, 3] = 1.0  # reached and left; reached at the end
    done[:, 3] = done[0, 0] = True
    data = TensorDict({"next": {"is_success": success, "done": done}}, [2, 4])
    assert episode_success(data).tolist() == [0.0, 0.0, 1.0]


def test_final_states_are_what_success_is_judged_by(policy: TensorDictModule) -> None:
    states = final_states(policy, make_env("FetchReach-v4", 2), episodes=5, seed=50_000)
    distance = (states["achieved_goal"] - states["desired_goal"]).norm(dim=-1)
    assert states.batch_size == (5,)
    assert states["is_success"].reshape(-1).tolist() == (distance < 0.05).float().tolist()


def test_an_episode_that_never_ends_counts_as_it_stands_after_the_last_step(policy: TensorDictModule) -> None:
    env = make_env("FetchReach-v4", 2, max_episode_steps=-1)
    states = final_states(policy, env, episodes=3, seed=50_000, max_steps=30)
    env.set_seed(50_000)
    steps = env.rollout(30, policy, break_when_any_done=False)["next"]
    assert torch.equal(states["achieved_goal"][:2], steps["achieved_goal"][:, -1])
    assert not torch.equal(states["achieved_goal"][:2], steps["achieved_goal"][:, 0])


def test_training_goals_are_those_of_the_streams_that_training_draws_from(policy: TensorDictModule) -> None:
    streams = [by_gymnasium(policy, [7 + i, None, None]) for i in range(2)]
    expected = [success for round_ in zip(*streams, strict=True) for success in round_]
    assert 0 < sum(expected) < 6
    env = make_env("FetchReach-v4", 2)
    for _ in range(2):
        assert evaluate_from_start(policy, env, rounds=3, seed=7).tolist() == expected


@pytest.mark.parametrize("env_id", ["FetchSlide-v4", "HandReach-v3", "HandManipulateBlock-v1"])
def test_starts_and_goals_do_not_depend_on_what_was_played(env_id: str) -> None:
    envs = [make_env(env_id, 2, seed=3) for _ in range(2)]
    for _ in range(3):
        states = [env.reset() for env in envs]
        for key in ("observation", "desired_goal"):
            assert torch.equal(states[0][key], states[1][key])
        for _ in range(5):
            envs[0].rand_step(states[0])


@pytest.mark.parametrize(
    ("numbers", "episodes"),
    [
        ({"eval_episodes": 9}, 3),
        ({"eval_episodes": 1}, 1),
        ({"train_eval_episodes": 0}, 0),
        ({"train_eval_episodes": 5, "num_envs": 4}, 5),
    ],
)
def test_training_goals_are_a_quarter_of_the_episodes_or_as_told(
    numbers: dict, episodes: int, policy: TensorDictModule, tmp_path: Path
) -> None:
    evaluation = Evaluation(small_config(tmp_path, **numbers))
    assert len(evaluation.train(policy)) == episodes
    assert len(evaluation.test(policy)) == numbers.get("eval_episodes", 4)
    evaluation.close()


def test_position_and_rotation_count_apart() -> None:
    desired = torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]]).repeat(4, 1)
    achieved = desired.clone()
    achieved[1:3, 0] = 0.04  # within the Pen's 5 cm, beyond the Egg's 1 cm
    achieved[2:, 3:5] = torch.tensor([math.cos(0.1), math.sin(0.1)])  # turned by 0.2 about x
    egg = pose_columns("HandManipulateEgg-v1", achieved, desired)
    assert tuple(egg) == POSE_COLUMNS
    assert list(egg.values()) == pytest.approx([0.5, 0.5, 0.02, 0.1], abs=1e-3)
    assert pose_columns("HandManipulateEggDense-v1", achieved, desired) == egg
    assert pose_columns("HandManipulatePen-v1", achieved, desired)["test_success_position"] == 1.0


def test_the_pen_may_spin() -> None:
    desired = torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    spun = torch.tensor([[0.0, 0.0, 0.0, math.cos(0.5), 0.0, 0.0, math.sin(0.5)]])
    assert pose_columns("HandManipulatePen-v1", spun, desired)["test_angle"] == pytest.approx(0.0, abs=1e-6)
    assert pose_columns("HandManipulateBlock-v1", spun, desired)["test_angle"] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("env_id", ["FetchPush-v4", "HandReach-v3"])
def test_goals_that_are_no_poses_have_no_columns(env_id: str) -> None:
    assert pose_columns(env_id, torch.zeros(2, 15), torch.zeros(2, 15)) == {}
