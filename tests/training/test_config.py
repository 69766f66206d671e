import dataclasses
from pathlib import Path

import pytest
from helpers.small import small_config

from sher_rl import Config


def test_algorithmic_numbers_have_no_defaults() -> None:
    defaults = {f.name for f in dataclasses.fields(Config) if f.default is not dataclasses.MISSING}
    where = {"out_dir", "run_name", "resume", "device", "checkpoint_minutes", "train_eval_episodes", "num_threads"}
    cluster = {"ray", "actors"}
    begins = {"init_from"}
    shown = {"logger", "logger_project", "logger_entity", "video", "quiet"}
    # What a run need not have; runs of before have no such field.
    off = {"sampler", "goal_noise", "next_share", "min_motion", "policy_ema", "critic"}
    off |= {"symmetric", "waypoint_angle", "waypoint_share"}
    off |= {"pose_difference"}  # on, in runs of before that have no such field
    assert defaults == {"seed", "compile", *off, *where, *shown, *cluster, *begins}


@pytest.mark.parametrize(
    ("env_id", "task"),
    [
        ("FetchPickAndPlace-v4", "fetch_pick_and_place"),
        ("HandManipulateEgg-v1", "hand_egg"),
        ("HandReach-v3", "hand_reach"),
        ("my_tasks:room/push2D-v0", "push2_d"),
        ("PointMaze_UMaze-v3", "point_maze_u_maze"),
    ],
)
def test_task_names(env_id: str, task: str, tmp_path: Path) -> None:
    assert small_config(tmp_path, env_id=env_id).task == task


def test_test_seeds_are_never_training_seeds(tmp_path: Path) -> None:
    configs = [small_config(tmp_path, seed=seed) for seed in range(3)]
    bases = sorted(base for config in configs for base in (config.train_seed, config.test_seed))
    assert bases == [0, 50_000, 100_000, 150_000, 200_000, 250_000]
