"""Samples of stable-baselines3's HerReplayBuffer, for test_relabel.py: reads batch sizes, writes seconds."""

import gc
import sys
import time

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.vec_env import DummyVecEnv

LENGTH = 50


class GoalEnv(gym.Env):
    """Shapes and a reward; it is never stepped."""

    observation_space = gym.spaces.Dict(
        {
            key: gym.spaces.Box(-1, 1, (size,), np.float32)
            for key, size in (("observation", 10), ("achieved_goal", 3), ("desired_goal", 3))
        }
    )
    action_space = gym.spaces.Box(-1, 1, (4,), np.float32)

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, _) -> np.ndarray:
        return -(np.linalg.norm(achieved - desired, axis=-1) > 0.05).astype(np.float32)


def filled(fill: int) -> HerReplayBuffer:
    """A buffer of random episodes, in the state that ``add`` leaves."""
    spaces = GoalEnv.observation_space, GoalEnv.action_space
    buffer = HerReplayBuffer(
        fill + LENGTH, *spaces, env=DummyVecEnv([GoalEnv]), n_sampled_goal=4, goal_selection_strategy="future"
    )
    rng, steps = np.random.default_rng(0), np.arange(fill)
    for columns in (buffer.observations, buffer.next_observations):
        for column in columns.values():
            column[:fill] = rng.random((fill, *column.shape[1:]), dtype=np.float32)
    buffer.rewards[:fill], buffer.dones[:fill, 0] = -1.0, steps % LENGTH == LENGTH - 1
    buffer.ep_start[:fill, 0], buffer.ep_length[:fill] = steps // LENGTH * LENGTH, LENGTH
    buffer.pos, buffer._current_ep_start[:] = fill, fill
    return buffer


def main(fill: int) -> None:
    """Answer each batch size on standard input."""
    torch.set_num_threads(1)
    buffer = filled(fill)
    gc.disable()
    for line in sys.stdin:
        start = time.perf_counter()
        buffer.sample(int(line))
        print("seconds", time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
