import gymnasium as gym
import numpy as np
import pytest
import torch
from torchrl.envs.utils import check_env_specs

from sher_rl import TASKS, UsageError, goal_reward, make_env
from sher_rl.envs.make import make_gym


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


def _random_goals(env_id: str, rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of goals on both sides of the thresholds."""
    size = {"Fetch": 3, "HandReach": 15}.get(env_id[:9] if "HandReach" in env_id else env_id[:5], 7)
    if size != 7:
        near = rng.normal(size=(rows, size))
        scale = 0.1 if size == 3 else 0.02
        distance = rng.uniform(0, scale, size=(rows, 1)) / np.linalg.norm(near, axis=1, keepdims=True)
        desired = rng.uniform(-1.5, 1.5, size=(rows, size))
        return desired + near * distance, desired
    desired = rng.normal(size=(rows, 7))
    axis = rng.normal(size=(rows, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    half = rng.uniform(0, 0.1, size=(rows, 1))
    turn = np.concatenate([np.cos(half), np.sin(half) * axis], 1)
    from gymnasium_robotics.utils.rotations import quat_mul

    desired[:, 3:] /= np.linalg.norm(desired[:, 3:], axis=1, keepdims=True)
    achieved = desired.copy()
    achieved[:, 3:] = quat_mul(desired[:, 3:], turn)
    achieved[:, :3] += rng.uniform(-1, 1, size=(rows, 3)) * (0.06 if "Pen" in env_id else 0.012)
    return achieved, desired


def _margin(env_id: str, unwrapped: gym.Env, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    """Rows that are farther from the thresholds than float32 can blur: 1e-6 m and 1e-5 rad."""
    if not hasattr(unwrapped, "_goal_distance"):
        return np.abs(np.linalg.norm(achieved - desired, axis=-1) - unwrapped.distance_threshold) > 1e-6
    both = [unwrapped._goal_distance(a, d) for a, d in zip(achieved, desired, strict=True)]
    position, angle = map(np.array, zip(*both, strict=True))
    return (np.abs(position - unwrapped.distance_threshold) > 1e-6) & (
        np.abs(angle - unwrapped.rotation_threshold) > 1e-5
    )


@pytest.mark.parametrize("env_id", [*TASKS, "FetchPushDense-v4", "HandManipulatePenDense-v1"])
def test_goal_reward_is_compute_reward_row_by_row(env_id: str) -> None:
    env = make_gym(env_id)
    unwrapped = env.unwrapped
    achieved, desired = _random_goals(env_id, np.random.default_rng(0), rows=10_000)
    rows = [unwrapped.compute_reward(a, d, {}) for a, d in zip(achieved, desired, strict=True)]
    expected = torch.tensor(np.array(rows)).float().unsqueeze(-1)
    reward = goal_reward(env_id)

    double = reward(torch.tensor(achieved), torch.tensor(desired))
    assert double.shape == (10_000, 1)
    assert double.dtype == torch.float32
    if "Dense" in env_id:
        torch.testing.assert_close(double, expected, rtol=1e-6, atol=1e-6)
        return
    assert 0.02 < (expected == 0).double().mean() < 0.98
    assert torch.equal(double, expected)
    single = reward(torch.tensor(achieved).float(), torch.tensor(desired).float())
    clear = torch.tensor(_margin(env_id, unwrapped, achieved, desired))
    assert clear.double().mean() > 0.99
    assert torch.equal(single[clear], expected[clear])


@pytest.mark.parametrize(
    ("env_id", "sentence"),
    [
        ("FetchPush-v1", "use 'FetchPush-v4'"),
        ("FetchReachDense-v2", "use 'FetchReachDense-v4'"),
        ("HandManipulateEgg-v0", "use 'HandManipulateEgg-v1'"),
        ("HandReach-v0", "use 'HandReach-v3'"),
        ("Pendulum-v1", "no goal environment"),
        ("NoSuchTask-v3", "unknown to gymnasium"),
        ("not an id", "unknown to gymnasium"),
    ],
)
def test_wrong_ids_get_one_sentence(env_id: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make_env(env_id)


def test_goal_reward_of_an_unknown_task_says_what_is_known() -> None:
    with pytest.raises(UsageError, match=r"no built-in reward; known are FetchReach-v4"):
        goal_reward("PointMaze_UMaze-v3")


def test_no_environments_is_refused() -> None:
    with pytest.raises(UsageError, match="num_envs is 0"):
        make_env("FetchReach-v4", num_envs=0)


def test_a_mujoco_that_is_too_new_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mujoco.__version__", "3.12.0")
    with pytest.raises(ImportError, match=r"mujoco 3\.12\.0 is installed.*pip install 'mujoco>=3\.3,<3\.12'"):
        make_env("FetchReach-v4")
