import pickle

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict

from sher_rl import TASKS, UsageError, goal_reward
from sher_rl.envs.gym_reward import GymReward
from sher_rl.envs.make_gym import make_gym


class Line(gymnasium.Env):
    """A goal environment on a line, with a reward of which only single goals are asked."""

    observation_space = Dict({key: Box(-1, 1, (1,)) for key in ("observation", "achieved_goal", "desired_goal")})
    action_space = Box(-1, 1, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return {key: self.np_random.uniform(-1, 1, 1).astype(np.float32) for key in self.observation_space}, {}


class OneByOne(Line):
    def compute_reward(self, achieved_goal, desired_goal, info):
        return 0.0 if abs(achieved_goal - desired_goal) < 0.1 else -1.0


class Summed(Line):
    def compute_reward(self, achieved_goal, desired_goal, info):
        return -np.linalg.norm(achieved_goal - desired_goal)  # of all rows together


gymnasium.register("Line-v0", Line)
gymnasium.register("OneByOne-v0", OneByOne)
gymnasium.register("Summed-v0", Summed)


@pytest.mark.parametrize("env_id", [*TASKS[:-1], "FetchPushDense-v4", "HandReachDense-v3", "HandManipulateEggDense-v1"])
def test_it_is_the_reward_of_the_tasks(env_id):
    goal = torch.from_numpy(make_gym(env_id).reset(seed=1)[0]["desired_goal"])
    achieved = goal + 0.02 * torch.randn(200, len(goal), generator=torch.Generator().manual_seed(0))
    desired = goal.expand_as(achieved)
    torch.testing.assert_close(GymReward(env_id)(achieved, desired), goal_reward(env_id)(achieved, desired))


def test_it_has_the_options_of_the_environment_and_the_shape_of_a_reward():
    achieved = torch.tensor([[0.0, 0.0], [0.0, 2.0]])
    reward = GymReward("PointMaze_UMaze-v3", reward_type="dense")(achieved, torch.zeros(2, 2))
    assert reward.dtype == torch.float32
    torch.testing.assert_close(reward, torch.tensor([[1.0], [np.exp(-2.0)]]).float())


@pytest.mark.parametrize(
    ("env_id", "sentence"),
    [
        ("HandManipulatePen-v1", r"gives a batch other rewards than its rows, in \d+ of 512"),
        ("HandManipulatePenDense-v1", "gives a batch other rewards than its rows"),
        ("Line-v0", "has no compute_reward"),
        ("OneByOne-v0", "cannot be called with a batch"),
        ("Summed-v0", r"gives a batch of 512 the shape \(\)"),
    ],
)
def test_what_would_be_wrong_for_a_batch_is_refused(env_id, sentence):
    with pytest.raises(UsageError, match=sentence):
        GymReward(env_id)


def test_it_goes_to_another_process():
    reward = pickle.loads(pickle.dumps(GymReward("PointMaze_UMaze-v3", reward_type="dense")))
    assert reward(torch.zeros(1, 2), torch.zeros(1, 2)).tolist() == [[1.0]]
