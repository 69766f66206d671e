"""Native environments go where gymnasium's go, to the bit."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from sher_rl import TASKS, UsageError, make_env
from sher_rl.envs.make_gym import make_gym
from sher_rl.training.film import rendering_backend

DENSE = ("FetchPushDense-v4", "HandReachDense-v3", "HandManipulatePenDense-v1")
STATE = ("observation", "achieved_goal", "desired_goal")
STEP = (*STATE, "reward", "is_success", "terminated", "truncated", "done")


class GymBatch:
    """The reference: gymnasium environments stepped one by one, as float32 rows."""

    def __init__(self, env_id, num_envs, seed, **gym_kwargs):
        self.envs = [make_gym(env_id, **gym_kwargs) for _ in range(num_envs)]
        self.rows = [self._float(env.reset(seed=seed + i)[0]) for i, env in enumerate(self.envs)]

    @staticmethod
    def _float(values):
        return {key: np.atleast_1d(np.asarray(value)).astype(np.float32) for key, value in values.items()}

    def reset(self, i):
        self.rows[i] = self._float(self.envs[i].reset()[0])

    def step(self, actions):
        for i, env in enumerate(self.envs):
            observation, reward, terminated, truncated, info = env.step(actions[i])
            flags = {"terminated": terminated, "truncated": truncated, "done": terminated or truncated}
            self.rows[i] = self._float({**observation, "reward": reward, **info, **flags})

    def assert_equal(self, tensordict, keys):
        for i, row in enumerate(self.rows):
            for key in keys:
                np.testing.assert_array_equal(tensordict[key][i].numpy(), row[key], err_msg=f"{key} of environment {i}")


def assert_equals_gymnasium(env_id, num_envs, num_threads, episodes, restart=0.0, **gym_kwargs):
    """Random actions, some out of range; each environment resets when its episode ends, or now and then before."""
    env = make_env(env_id, num_envs, seed=3, num_threads=num_threads, **gym_kwargs)
    gym = GymBatch(env_id, num_envs, seed=3, **gym_kwargs)
    draw = np.random.default_rng(0)
    state = env.reset()
    gym.assert_equal(state, STATE)
    finished = np.zeros(num_envs, int)
    while finished.min() < episodes:
        actions = draw.uniform(-1.2, 1.2, env.action_spec.shape).astype(np.float32)
        state = env.step(state.set("action", torch.from_numpy(actions)))["next"]
        gym.step(actions)
        gym.assert_equal(state, STEP)
        over = state["done"].flatten().numpy() | (draw.random(num_envs) < restart)
        finished += over
        state = state.exclude("reward")
        if over.any():
            state = env.reset(state.set("_reset", torch.from_numpy(over).unsqueeze(-1)))
            for i in over.nonzero()[0]:
                gym.reset(i)
            gym.assert_equal(state, STATE)
    env.close()


@pytest.mark.parametrize("env_id", TASKS)
def test_equals_gymnasium(env_id):
    assert_equals_gymnasium(env_id, num_envs=2, num_threads=2, episodes=10, restart=0.02, max_episode_steps=15)


@pytest.mark.parametrize("env_id", DENSE)
def test_dense_rewards_equal_gymnasium(env_id):
    assert_equals_gymnasium(env_id, num_envs=3, num_threads=2, episodes=2, max_episode_steps=20)


@pytest.mark.slow
@pytest.mark.parametrize("env_id", TASKS)
@pytest.mark.parametrize(("num_envs", "num_threads"), [(1, 1), (5, 3)])
def test_equals_gymnasium_at_full_length(env_id, num_envs, num_threads):
    assert_equals_gymnasium(env_id, num_envs, num_threads, episodes=10)


@pytest.mark.parametrize("env_id", ["FetchPickAndPlace-v4", "HandManipulatePen-v1"])
@pytest.mark.parametrize(("num_envs", "num_threads"), [(1, 1), (7, 1), (7, 3), (7, 16)])
def test_equals_gymnasium_whatever_the_batch_and_threads(env_id, num_envs, num_threads):
    assert_equals_gymnasium(env_id, num_envs, num_threads, episodes=1, max_episode_steps=10)


FILM = """
import numpy as np
from sher_rl import make_env
from sher_rl.envs.make_gym import make_gym
env = make_env("FetchReach-v4", 2, seed=3, render_mode="rgb_array", width=64, height=48)
gym = make_gym("FetchReach-v4", render_mode="rgb_array", width=64, height=48)
state = env.reset()
gym.reset(seed=4)
for _ in range(2):
    frame = env.render(1)
    assert frame.shape == (48, 64, 3) and frame.dtype == np.uint8 and frame.std() > 0
    np.testing.assert_array_equal(frame, gym.render())
    state = env.rand_step(state)
    gym.step(state["action"][1].numpy())
    state = state["next"].exclude("reward")
viewer = env._sims[1].mujoco_renderer._viewers["rgb_array"]
assert viewer.opengl_context._context
env.close()
gym.close()
assert viewer.opengl_context._context is None
"""


def test_frames_equal_gymnasium_and_their_renderers_close():
    try:
        backend = rendering_backend()
    except UsageError:
        pytest.skip("nothing renders here")
    script = subprocess.run([sys.executable, "-c", FILM], env=os.environ | {"MUJOCO_GL": backend}, capture_output=True)
    assert script.returncode == 0, script.stderr.decode()
