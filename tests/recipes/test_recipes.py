import ast
import csv
import math
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.small import BASELINES, FLAGS, RECIPES, load_recipe

from sher_rl import TASKS
from sher_rl.tasks import PoseGoal, get_task

FILES = {"config.json", "versions.json", "progress.csv", "policy.pt", "curve.png", "checkpoints"}


def test_there_is_one_recipe_for_each_task() -> None:
    assert sorted(load_recipe(path.stem).CONFIG.env_id for path in RECIPES) == sorted(TASKS)


def test_recipes_differ_in_numbers_only_and_in_how_goals_that_are_poses_are_seen() -> None:
    mains = set()
    for path in RECIPES:
        text, poses = path.read_text(), "GoalNormalizer(dims, sher_rl.PoseNorm())"
        task = get_task(load_recipe(path.stem).CONFIG.env_id)
        assert (poses in text) is isinstance(task.goal, PoseGoal)
        tree = ast.parse(text.replace(poses, "GoalNormalizer(dims)"))
        mains.add(ast.dump(next(node for node in tree.body if isinstance(node, ast.FunctionDef))))
    assert len(mains) == 1


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_short_states_every_number_and_names_itself(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") < 65
    assert f"recipes/{path.name}" in text
    recipe = load_recipe(path.stem)
    assert f"sher_{recipe.CONFIG.task}" == path.stem
    steps = get_task(recipe.CONFIG.env_id).episode_steps
    assert recipe.CONFIG.frames_per_batch % (steps * recipe.CONFIG.num_envs) == 0


@pytest.mark.parametrize("path", BASELINES, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    ("env_id", "steps", "epoch"),
    [("FetchReach-v4", 50, 1_000), ("FetchSlide-v4", 50, 5_000), ("HandManipulatePen-v1", 100, 10_000)],
)
def test_baselines_have_the_published_numbers_of_each_task(path: Path, env_id: str, steps: int, epoch: int) -> None:
    config = load_recipe(path.stem).published(env_id)
    assert (config.gamma, config.frames_per_batch) == (1 - 1 / steps, 2 * steps)
    assert config.eval_frames == epoch
    assert (config.env_id, config.method) == (env_id, path.stem)


@pytest.mark.parametrize("path", [*RECIPES, *BASELINES], ids=lambda path: path.stem)
def test_a_recipe_runs_from_its_command_line(path: Path, tmp_path: Path) -> None:
    flags = [*FLAGS, "--total-frames=300", "--eval-frames=300", "--eval-episodes=2", "--seed=1"]
    flags += ["--no-compile", *(["--env=HandManipulateEgg-v1"] if path in BASELINES else [])]
    command = [sys.executable, str(path), *flags, "--out-dir", str(tmp_path), "--run-name", "run"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    assert {file.name for file in (tmp_path / "run").iterdir()} == FILES
    with (tmp_path / "run" / "progress.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    assert int(last["frames"]) == 300
    assert int(last["updates"]) == 9
    learned = ("loss_actor", "loss_qvalue", "q_mean") + (("loss_value",) if path in RECIPES else ())
    assert all(math.isfinite(float(last[key])) for key in learned)
    assert "| run | 300 |" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_runs_5000_frames_with_its_own_numbers(path: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(path), "--total-frames", "5000", "--out-dir", str(tmp_path), "--run-name", "run"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    assert {file.name for file in (tmp_path / "run").iterdir()} == FILES
    with (tmp_path / "run" / "progress.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    assert int(last["updates"]) > 0
    assert all(math.isfinite(float(value)) for key, value in last.items() if key != "loss_alpha")
