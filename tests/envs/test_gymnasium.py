import copy
import io

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict
from torchrl.envs import check_env_specs

from sher_rl import UsageError, make_env

KEYS = {"observation", "achieved_goal", "desired_goal", "is_success", "reward", "done", "terminated", "truncated"}


class Walk(gymnasium.Env):
    """A point on a line that is told how far to go; terminates at its goal."""

    observation_space = Dict({key: Box(-9, 9, (1,)) for key in ("observation", "achieved_goal", "desired_goal")})
    action_space = Box(-1, 1, (1,), dtype=np.float64)

    def _observation(self):
        return {"observation": self.place, "achieved_goal": self.place, "desired_goal": self.goal}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = np.zeros(1, np.float32)
        self.goal = self.np_random.uniform(1, 2, 1).astype(np.float32)
        return self._observation(), {}

    def step(self, action):
        self.place = (self.place + action).astype(np.float32)
        there = bool(self.place[0] >= self.goal[0])
        return self._observation(), float(there) - 1.0, there, False, {"is_success": there}


gymnasium.register("Walk-v0", Walk, max_episode_steps=5)
gymnasium.register("Blind-v0", "gymnasium.envs.classic_control:CartPoleEnv")


@pytest.mark.parametrize("env_id", ["PointMaze_UMaze-v3", "AntMaze_UMaze-v5", "Walk-v0"])
def test_any_goal_environment_has_the_same_keys_and_shapes(env_id):
    env = make_env(env_id, 2, backend="gym")
    check_env_specs(env)
    step = env.rollout(3, break_when_any_done=False)["next"]
    assert set(step.keys()) == KEYS
    for key in KEYS - {"done", "terminated", "truncated"}:
        assert step[key].dtype == torch.float32
    assert step["reward"].shape == step["is_success"].shape == (2, 3, 1)
    env.close()


def test_success_comes_from_the_step():
    env = make_env("Walk-v0", 1, backend="gym")
    ahead = torch.ones(1, 1, dtype=env.action_spec.dtype)
    steps = env.rollout(5, lambda td: td.set("action", ahead))["next"]
    assert steps["is_success"].flatten().tolist() == [0.0, 1.0]
    assert steps["terminated"].flatten().tolist() == [False, True]


def test_mazes_report_success_under_another_name():
    env = make_env("PointMaze_UMaze-v3", 1, backend="gym")
    state = env.reset()
    maze = env.base_env._envs[0]._env.unwrapped
    maze.goal = state["achieved_goal"][0].double().numpy()
    assert env.rand_step(state)["next", "is_success"].item() == 1.0


def test_an_environment_without_goals_is_refused():
    with pytest.raises(UsageError, match="'Blind-v0' is no goal environment"):
        make_env("Blind-v0", backend="gym")


class SavedWalk(Walk):
    def get_state(self):
        return {"place": self.place, "goal": self.goal, "far": np.float64(2.5), "marks": [1, "two", None]}

    def set_state(self, state):
        assert (state["far"], state["marks"]) == (2.5, [1, "two", None])
        self.place = state["place"]
        self.goal = state["goal"]


gymnasium.register("SavedWalk-v0", SavedWalk, max_episode_steps=5)


class Opaque(SavedWalk):
    def get_state(self):
        return {"place": object()}


gymnasium.register("Unsaved-v0", Opaque, max_episode_steps=5)


def steps(env, state, count):
    """Go on in ``env`` by actions of 0.1, with resets where an episode ends."""
    seen = []
    for _ in range(count):
        state.set("action", torch.full((2, 1), 0.1, dtype=env.action_spec.dtype))
        state, following = env.step_and_maybe_reset(state)
        seen.append(torch.cat([state["next"][key] for key in ("observation", "desired_goal", "reward")], -1))
        state = following
    return torch.stack(seen), state


def test_a_saved_environment_goes_on_in_mid_episode():
    env = make_env("SavedWalk-v0", 2, seed=3, backend="gym")
    _, reached = steps(env, env.reset(), 7)  # the second episode's second step
    saved = copy.deepcopy(env.get_state())
    torch.save(saved, file := io.BytesIO())
    onward, _ = steps(env, reached.clone(), 9)
    other = make_env("SavedWalk-v0", 2, seed=50, backend="gym")
    other.set_state(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    assert torch.equal(steps(other, reached.clone(), 9)[0], onward)  # goals of new episodes, too


def test_a_saved_environment_keeps_a_seed_that_waits():
    env, other = (make_env("SavedWalk-v0", 2, seed=seed, backend="gym") for seed in (3, 50))
    other.set_state(env.get_state())
    assert torch.equal(other.reset()["desired_goal"], env.reset()["desired_goal"])


@pytest.mark.parametrize(
    ("env_id", "sentence"),
    [("Walk-v0", "'Walk-v0' cannot be saved with a run: Walk has no get_state"), ("Unsaved-v0", "gave a object")],
)
def test_what_cannot_be_saved_is_refused(env_id, sentence):
    env = make_env(env_id, 2, backend="gym")
    env.reset()
    with pytest.raises(UsageError, match=sentence):
        env.get_state()
