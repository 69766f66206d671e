"""Every csv of docs/results is what the json beside it says: command, numbers, steps, seed."""

import dataclasses
import json
import math
import shlex
from pathlib import Path

import pytest

from sher_rl.cli.recipe import parse
from sher_rl.cli.recipe_files import load_recipe
from sher_rl.report.progress_csv import read_progress
from sher_rl.report.runs import read_run
from sher_rl.tasks import task_name
from sher_rl.training.config import RunConfig
from sher_rl.training.config_file import config_values

RESULTS = Path(__file__).parents[1] / "docs" / "results"
FILES = sorted(RESULTS.glob("*.csv"))
ELSEWHERE = ("out_dir", "run_name", "resume", "quiet", "num_threads")
"""Fields that change nothing of the rows but the seconds."""

every_result = pytest.mark.parametrize("csv", FILES, ids=lambda path: path.stem)


def made_by(csv: Path) -> dict:
    return json.loads(csv.with_suffix(".json").read_text())


def config_of(command: str) -> RunConfig:
    """What a recipe would run with, on a command line."""
    python, recipe, *flags = shlex.split(command)
    assert (python, Path(recipe).parent.name) == ("python", "recipes")
    module = load_recipe(Path(recipe).stem)
    if hasattr(module, "CONFIG"):
        return parse(module.CONFIG, flags)
    env, env_id, *flags = flags
    assert env == "--env"
    return parse(module.published(env_id), flags)


def test_each_csv_has_a_json_and_each_json_a_csv() -> None:
    assert FILES
    assert [path.with_suffix(".json") for path in FILES] == sorted(RESULTS.glob("*.json"))


@every_result
def test_the_name_is_that_of_the_numbers(csv: Path) -> None:
    config = made_by(csv)["config"]
    run = read_run(csv)
    assert (run.task, run.seed) == (task_name(config["env_id"]), config["seed"])
    method = config["method"]
    variants = {method, f"{method}-a{config.get('alpha')}", "her-parts", "sher-bare"}
    assert run.variant.startswith(method)
    assert run.variant in variants


@every_result
def test_the_steps_are_those_of_the_whole_run(csv: Path) -> None:
    config = made_by(csv)["config"]
    batch = config["frames_per_batch"]
    end = math.ceil(config["total_frames"] / batch) * batch
    evaluations = range(config["eval_frames"], end + 1, config["eval_frames"])
    frames = {math.ceil(step / batch) * batch for step in evaluations} | {end}
    assert [row["frames"] for row in read_progress(csv)] == sorted(frames)


@every_result
def test_the_rows_are_made_with_the_numbers(csv: Path) -> None:
    config = made_by(csv)["config"]
    batch = config["frames_per_batch"]
    without = max(math.ceil(config["random_frames"] / batch) - 1, 0)  # rounds
    for row in read_progress(csv):
        assert row["updates"] == (row["frames"] // batch - without) * config["updates_per_batch"]
        assert row["test_episodes"] == config["eval_episodes"]
        if "alpha" in config and config["target_entropy"] is None:
            assert row["alpha"] == config["alpha"]


@every_result
def test_the_command_gives_the_numbers(csv: Path) -> None:
    """Where a recipe has changed since, the command needs the flags that make it what it was."""
    made = made_by(csv)
    assert "--resume" not in made["command"]
    config = config_of(made["command"])
    now = config_values(config)
    newer = {field.name: field.default for field in dataclasses.fields(config) if field.name not in made["config"]}
    then = {name: value for name, value in newer.items() if name in now} | made["config"]
    others = {name: (value, now.get(name)) for name, value in then.items() if now.get(name) != value}
    assert not others.keys() - {*ELSEWHERE}, others


@every_result
def test_the_machine_is_named(csv: Path) -> None:
    versions = made_by(csv)["versions"]
    assert versions["processor"]
    assert versions["torch_threads"] >= 1
    assert read_run(csv).machine.startswith(versions["processor"])
