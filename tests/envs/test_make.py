import numpy as np
import pytest
import torch
from torchrl.envs.utils import check_env_specs

from sher_rl import TASKS, UsageError, make_env
from sher_rl.envs.make_gym import make_gym


@pytest.mark.parametrize("env_id", TASKS)
def test_environment_i_is_gymnasium_with_seed_plus_i(env_id: str) -> None:
    env = make_env(env_id, num_envs=2, seed=7)
    steps = make_gym(env_id).spec.max_episode_steps + 3
    data = env.rollout(steps, break_when_any_done=False)
    env.close()
    for i in range(2):
        twin = make_gym(env_id)
        observation, _ = twin.reset(seed=7 + i)
        for t in range(steps):
            for key in ("observation", "achieved_goal", "desired_goal"):
                np.testing.assert_array_equal(data[key][i, t], observation[key].astype(np.float32))
            observation, reward, terminated, truncated, info = twin.step(data["action"][i, t].numpy())
            row = data["next"][i, t]
            assert (row["reward"].item(), row["is_success"].item()) == (reward, info["is_success"])
            assert (row["terminated"].item(), row["truncated"].item()) == (terminated, truncated)
            np.testing.assert_array_equal(row["achieved_goal"], observation["achieved_goal"].astype(np.float32))
            if truncated:
                observation, _ = twin.reset()
        twin.close()


def test_specs_keys_and_shapes() -> None:
    env = make_env("FetchReach-v4", num_envs=3)
    check_env_specs(env)
    step = env.rollout(2)["next"]
    assert env.batch_size == (3,)
    assert step["reward"].shape == step["is_success"].shape == (3, 2, 1)
    floats = ("observation", "achieved_goal", "desired_goal", "reward", "is_success")
    assert {step[key].dtype for key in floats} == {torch.float32}


def test_set_seed_restarts_the_same_episodes() -> None:
    env = make_env("FetchPush-v4", num_envs=2, seed=3)
    first = env.reset()
    env.rollout(5)
    env.set_seed(3)
    again = env.reset()
    torch.testing.assert_close(first["observation"], again["observation"], rtol=0, atol=0)
    env.set_seed(4)
    torch.testing.assert_close(env.reset()["desired_goal"][0], first["desired_goal"][1], rtol=0, atol=0)


def test_gym_arguments_reach_gymnasium() -> None:
    data = make_env("FetchReach-v4", max_episode_steps=4).rollout(10)
    assert data.shape == (1, 4)
    assert data["next", "truncated"][0, -1]


@pytest.mark.parametrize(
    ("kwargs", "sentence"),
    [
        ({"env_id": "PointMaze_UMaze-v3"}, "backend='gym'"),
        ({"env_id": "FetchPush-v2"}, "FetchPush-v4"),
        ({"backend": "fast"}, "'native' or 'gym'"),
        ({"num_threads": 0}, "num_threads is 0"),
        ({"num_threads": 2, "backend": "gym"}, "num_threads"),
        ({"num_envs": 0}, "num_envs is 0"),
        ({"render_mode": "human"}, "render_mode"),
    ],
)
def test_errors_say_what_would_work(kwargs, sentence):
    with pytest.raises(UsageError, match=sentence):
        make_env(**({"env_id": "FetchReach-v4"} | kwargs))
