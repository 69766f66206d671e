import gymnasium as gym
import numpy as np
import pytest
import torch

from sher_rl import TASKS, UsageError, goal_reward
from sher_rl.envs.make_gym import make_gym


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


def test_goal_reward_of_an_unknown_task_says_what_is_known() -> None:
    with pytest.raises(UsageError, match=r"no built-in reward; known are FetchReach-v4"):
        goal_reward("PointMaze_UMaze-v3")
