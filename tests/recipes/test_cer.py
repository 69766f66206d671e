"""The recipe of Competitive Experience Replay: from its command line, and what it refuses."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from helpers.forked import python
from helpers.small import FLAGS, RELAY, SMALL, load_recipe

from sher_rl import UsageError
from sher_rl.report.progress_csv import read_progress

RECIPE = load_recipe("cer")


@pytest.mark.parametrize("starts", RECIPE.STARTS)
def test_it_runs_from_its_command_line(starts: str, tmp_path: Path) -> None:
    flags = [*FLAGS, "--no-compile", f"--rival-starts={starts}", "--out-dir", str(tmp_path), "--run-name", "run"]
    result = python(str(RELAY.with_name("cer.py")), *flags)
    assert result.returncode == 0, result.stderr[-2000:]
    assert read_progress(tmp_path / "run" / "progress.csv")[-1]["frames"] == 400
    assert "| run | 400 |" in result.stdout


def test_an_ant_trains_too(tmp_path: Path) -> None:
    changes = SMALL | {"compile": False, "run_name": "run", "out_dir": tmp_path, "total_frames": 200}
    RECIPE.main(dataclasses.replace(RECIPE.published("AntMaze_UMaze-v5"), **changes))
    assert read_progress(tmp_path / "run" / "progress.csv")[-1]["frames"] == 200


def test_mazes_have_rewards_of_minus_one_and_zero() -> None:
    env = RECIPE.task_of("PointMaze_UMaze-v3").make(3, seed=0, num_threads=None)
    assert set(env.rollout(5)["next", "reward"].flatten().tolist()) <= {-1.0, 0.0}


def test_a_task_without_a_distance_is_refused() -> None:
    with pytest.raises(UsageError, match="has no distance of meetings here; use FetchPush-v4"):
        RECIPE.published("FetchReach-v4")


def test_a_distance_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="meeting_distance is 0"):
        dataclasses.replace(RECIPE.published("FetchPush-v4"), meeting_distance=0.0)
