"""Median seconds of a sample from stable-baselines3's HerReplayBuffer, as JSON; run by PEERS_PYTHON.

PEERS_PYTHON benchmarks/sb3_her.py FILL ROUNDS BATCH...
"""

import json
import statistics
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


def main(fill: int, rounds: int, batches: list[int]) -> None:
    torch.set_num_threads(1)
    env = DummyVecEnv([GoalEnv])
    spaces = GoalEnv.observation_space, GoalEnv.action_space
    buffer = HerReplayBuffer(fill + LENGTH, *spaces, env=env, n_sampled_goal=4, goal_selection_strategy="future")
    rng = np.random.default_rng(0)
    for step in range(fill):
        obs = {key: rng.random((1, *space.shape), dtype=np.float32) for key, space in spaces[0].items()}
        done = np.array([step % LENGTH == LENGTH - 1])
        buffer.add(obs, obs, np.zeros((1, 4), np.float32), np.array([-1.0]), done, [{}])
    medians = {}
    for batch in batches:
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            buffer.sample(batch)
            times.append(time.perf_counter() - start)
        medians[batch] = statistics.median(times)
    print(json.dumps(medians))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), list(map(int, sys.argv[3:])))
