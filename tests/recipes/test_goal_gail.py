"""The recipe of Goal-GAIL: from its command line, resumed to the bit, and its reward alone and beside HER's."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from helpers.forked import python
from helpers.same_run import AWKWARD, assert_same_run
from helpers.small import FLAGS, RELAY, SMALL, load_recipe

from sher_rl import UsageError
from sher_rl.report.progress_csv import read_progress

RECIPE = load_recipe("goal_gail")
SMALLER = {key: value for key, value in (SMALL | AWKWARD).items() if key != "target_entropy"}
SMALLER |= {"run_name": "run", "train_eval_episodes": 0, "demonstrations": 3}
SMALLER |= {"discriminator_updates": 2, "discriminator_batch": 16}


def test_it_runs_from_its_command_line(tmp_path: Path) -> None:
    flags = [*FLAGS, "--no-compile", "--demonstrations=3", "--out-dir", str(tmp_path), "--run-name", "run"]
    result = python(str(RELAY.with_name("goal_gail.py")), *flags)
    assert result.returncode == 0, result.stderr[-2000:]
    assert read_progress(tmp_path / "run" / "progress.csv")[-1]["frames"] == 400
    assert "| run | 400 |" in result.stdout


@pytest.mark.parametrize("env_id", ["FourRooms", "FetchPickAndPlace-v4"])
def test_it_resumes_to_the_bit(env_id: str, tmp_path: Path) -> None:
    numbers = SMALLER | {"gail_decay": 0.9}
    config = dataclasses.replace(RECIPE.published(env_id), **numbers)
    RECIPE.main(dataclasses.replace(config, out_dir=tmp_path / "whole"))
    part = tmp_path / "part"
    RECIPE.main(dataclasses.replace(config, out_dir=part, total_frames=306))
    RECIPE.main(dataclasses.replace(config, out_dir=part, resume=part / "run"))
    assert_same_run(tmp_path / "whole" / "run", part / "run")
    (last,) = (part / "run" / "checkpoints").glob("612")
    state = torch.load(last / "state.pt", weights_only=True)
    assert state["on_cycle"]["steps"] > 0


@pytest.mark.parametrize("env_id", ["FourRooms", "FetchPickAndPlace-v4"])
def test_each_demonstration_ends_at_its_goal(env_id: str) -> None:
    config = dataclasses.replace(RECIPE.published(env_id), demonstrations=3)
    buffer = RECIPE.demonstrate(config, RECIPE.TASKS[env_id](config))
    rows = buffer.storage.get(slice(0, len(buffer)))
    terminated = rows["next", "terminated"].squeeze(1)
    assert int(terminated.sum()) == 3
    assert terminated[-1]
    assert torch.equal(rows["next", "reward"].squeeze(1) == 0, terminated)


def test_her_alone_is_a_matter_of_numbers() -> None:
    numbers = {"goal_weight": 1.0, "gail_weight": 0.0, "expert_share": 0.0, "compile": False}
    config = dataclasses.replace(RECIPE.published("FourRooms"), **numbers)
    parts = RECIPE.build(config)
    parts.buffer.extend(parts.env.rollout(30, parts.explorer))
    batch = parts.buffer.sample(64)
    assert set(batch["next", "reward"].flatten().tolist()) == {-1.0, 0.0}
    assert torch.equal(batch["next", "reward"] == 0, batch["next", "terminated"])


def test_a_task_without_an_expert_is_refused() -> None:
    with pytest.raises(UsageError, match="env_id 'FetchSlide-v4' has no demonstrations here; use FourRooms or"):
        RECIPE.published("FetchSlide-v4")
