from pathlib import Path

import torch
from helpers.small import load_recipe, small_config

from sher_rl import Parts
from sher_rl.training.rollouts import Rollouts


def parts_and_rollouts(tmp_path: Path, **changes) -> tuple[Parts, Rollouts]:
    config = small_config(tmp_path, **changes)
    parts = load_recipe("sher").build(config)
    return parts, Rollouts(config, parts.env, parts.explorer)


def test_a_batch_has_time_last_and_whole_steps_of_all_environments(tmp_path: Path) -> None:
    _, rollouts = parts_and_rollouts(tmp_path, num_envs=3, frames_per_batch=100)
    assert next(rollouts).shape == (3, 34)
    rollouts.close()


def test_a_saved_collector_goes_on_in_mid_episode(tmp_path: Path) -> None:
    numbers = {"num_envs": 2, "frames_per_batch": 60, "random_frames": 0}
    parts, rollouts = parts_and_rollouts(tmp_path, **numbers)
    next(rollouts)  # 30 of the 50 steps of each episode
    state = rollouts.state_dict()
    torch.manual_seed(7)
    expected = next(rollouts)
    rollouts.close()
    other_parts, other = parts_and_rollouts(tmp_path, **numbers, seed=5)
    other_parts.policy.load_state_dict(parts.policy.state_dict())
    other.load_state_dict(state)
    torch.manual_seed(7)
    got = next(other)
    other.close()
    for key in ("observation", "action", "desired_goal", ("collector", "traj_ids")):
        assert torch.equal(got[key], expected[key]), key
