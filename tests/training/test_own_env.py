"""Runs on environments of one's own, as ``train`` takes and refuses them."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from helpers.own_env import own_run
from helpers.point import STEPS, Point, point_reward
from torchrl.envs import ActionScaling

from sher_rl import UsageError, make_env
from sher_rl.report.progress_csv import read_progress


class Strong(Point):
    """A point that is moved by actions in [-2, 2]."""

    def __init__(self):
        super().__init__()
        self.action_space = Box(-2, 2, (3,), np.float32)


class Buttons(Point):
    """A point that is moved by pressing one of six buttons."""

    def __init__(self):
        super().__init__()
        self.action_space = Discrete(6)


def scaled():
    return gymnasium.wrappers.RescaleAction(Strong(), -1.0, 1.0)


gymnasium.register("Strong-v0", Strong, max_episode_steps=STEPS)
gymnasium.register("Scaled-v0", scaled, max_episode_steps=STEPS)
gymnasium.register("Buttons-v0", Buttons, max_episode_steps=STEPS)


def test_an_environment_without_a_state_is_trained_with_a_warning(tmp_path, capsys):
    run = own_run(tmp_path, "Point-v0", point_reward)
    assert read_progress(run / "progress.csv")[-1]["frames"] == 120
    names = {path.name for path in run.iterdir()}
    assert names == {".lock", "config.json", "versions.json", "progress.csv", "policy.pt", "critics.pt", "curve.png"}
    output = capsys.readouterr().out
    assert "warning: there will be no checkpoints, and no --resume: env_id 'Point-v0' cannot be saved" in output


def test_it_cannot_be_resumed(tmp_path):
    run = own_run(tmp_path, "Point-v0", point_reward)
    with pytest.raises(UsageError, match=r"resume .* cannot go on: env_id 'Point-v0' cannot be saved"):
        own_run(tmp_path, "Point-v0", point_reward, resume=run, total_frames=240)


def test_scaled_actions_are_trained_on_scaled_by_gymnasium_or_by_torchrl(tmp_path):
    own_run(tmp_path / "gymnasium", "Scaled-v0", point_reward)
    envs = [make_env("Strong-v0", 2, backend="gym") for _ in range(2)]
    for env in envs:
        env.append_transform(ActionScaling())
    run = own_run(tmp_path / "torchrl", "Strong-v0", point_reward, env=envs[0], test_env=envs[1])
    assert read_progress(run / "progress.csv")[-1]["updates"] > 0


def test_a_maze_is_trained_and_saved(tmp_path):
    def reward(achieved, desired):
        return (torch.linalg.vector_norm(achieved.double() - desired.double(), dim=-1, keepdim=True) <= 0.45).float()

    run = own_run(tmp_path, "PointMaze_UMaze-v3", reward, eval_episodes=1, train_eval_episodes=0)
    assert (run / "checkpoints").is_dir()


def test_a_reward_that_contradicts_the_environment_is_refused(tmp_path):
    with pytest.raises(UsageError, match="reward_fn gives 0 where env gave -1"):
        own_run(tmp_path, "Point-v0", lambda achieved, desired: -torch.zeros(len(achieved), 1))


@pytest.mark.parametrize(
    ("env_id", "sentence"),
    [("Strong-v0", "env takes actions from -2 to 2"), ("Buttons-v0", "env takes actions of a .* spec")],
)
def test_actions_that_policies_cannot_take_are_refused_before_anything_is_written(env_id, sentence, tmp_path):
    with pytest.raises(UsageError, match=sentence):
        own_run(tmp_path, env_id, point_reward)
    assert list(tmp_path.iterdir()) == []
