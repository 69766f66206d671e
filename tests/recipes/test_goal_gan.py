"""The recipe of proposed goals: from its command line, resumed to the bit, with each proposal."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args

import pytest
from helpers.forked import python
from helpers.same_run import AWKWARD, assert_same_run
from helpers.small import FLAGS, RELAY, SMALL, load_recipe
from torchrl.data import LazyTensorStorage

from sher_rl import GoalGAN, RareGoals, UniformGoals, UsageError
from sher_rl.report.progress_csv import read_progress
from sher_rl.training.config import Proposal

RECIPE = load_recipe("goal_gan")
KINDS = {"gan": GoalGAN, "rare": RareGoals, "uniform": UniformGoals}


@pytest.mark.parametrize("name", get_args(Proposal))
def test_a_name_makes_its_proposal(name: str) -> None:
    proposal = RECIPE.PROPOSALS[name](RECIPE.task_of("PointMass3"), LazyTensorStorage(10), None)
    assert type(proposal) is KINDS[name]


def test_it_runs_from_its_command_line(tmp_path: Path) -> None:
    flags = [*FLAGS, "--no-compile", "--proposal=rare", "--out-dir", str(tmp_path), "--run-name", "run"]
    result = python(str(RELAY.with_name("goal_gan.py")), *flags)
    assert result.returncode == 0, result.stderr[-2000:]
    assert read_progress(tmp_path / "run" / "progress.csv")[-1]["frames"] == 400
    assert "| run | 400 |" in result.stdout


@pytest.mark.parametrize(
    ("env_id", "proposal"),
    [
        ("PointMass2", "gan"),
        ("PointMass3", "rare"),
        ("PointMass2", "uniform"),
        ("PointMaze_UMaze-v3", "gan"),
        ("AntMaze_UMaze-v5", "rare"),
    ],
)
def test_it_resumes_to_the_bit(env_id: str, proposal: str, tmp_path: Path) -> None:
    numbers = SMALL | AWKWARD | {"proposal": proposal, "run_name": "run", "train_eval_episodes": 0}
    config = dataclasses.replace(RECIPE.published(env_id), **numbers)
    RECIPE.main(dataclasses.replace(config, out_dir=tmp_path / "whole"))
    part = tmp_path / "part"
    RECIPE.main(dataclasses.replace(config, out_dir=part, total_frames=306))
    RECIPE.main(dataclasses.replace(config, out_dir=part, resume=part / "run"))
    assert_same_run(tmp_path / "whole" / "run", part / "run")


def test_a_task_without_goals_to_propose_is_refused() -> None:
    with pytest.raises(UsageError, match="env_id 'FetchPush-v4' has no goals to propose here; use PointMass2, "):
        RECIPE.published("FetchPush-v4")


@pytest.mark.slow
def test_the_gan_leads_to_goals_that_uniform_ones_do_not(tmp_path: Path) -> None:
    reached = {}
    for proposal in ("gan", "uniform"):
        config = dataclasses.replace(
            RECIPE.published("PointMass4"), proposal=proposal, out_dir=tmp_path, run_name=proposal, total_frames=100_000
        )
        RECIPE.main(config)
        reached[proposal] = read_progress(tmp_path / proposal / "progress.csv")[-1]["test_success"]
    assert reached["gan"] > reached["uniform"] + 0.1
