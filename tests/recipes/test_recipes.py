import ast
import csv
import dataclasses
import math
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from helpers.forked import python
from helpers.small import (
    BASELINES,
    DEMONSTRATIONS,
    DHER,
    FLAGS,
    METHODS,
    RECIPES,
    RELAY,
    SMALL,
    load_recipe,
    small_config,
)
from torchrl.data import LazyTensorStorage

from sher_rl import (
    TASKS,
    HindsightRelabel,
    PoseNorm,
    TwoStreamCritic,
    UsageError,
    goal_reward,
    load_policy,
    make_sampler,
)
from sher_rl.modules.norms import GoalNorm, ObservationNorm, SymmetricObjectNorm
from sher_rl.tasks import get_task
from sher_rl.training.config import Critic, Sampling

ENV = {path: ["--env=HandManipulateEgg-v1"] for path in METHODS} | {RELAY: ["--env=FetchPush-v4"]}
ENV |= {DHER: ["--env=DyReach-v0"], DEMONSTRATIONS: ["--env=FetchPush-v4", "--demonstrations=2"]}
OF_TASKS = [path for path in sorted(RELAY.parent.glob("*.py")) if "cli_of_tasks(" in path.read_text()]
FILES = {".lock", "config.json", "versions.json", "progress.csv", "policy.pt", "critics.pt", "curve.png", "checkpoints"}


def test_there_is_one_recipe_for_each_task() -> None:
    assert sorted(load_recipe(path.stem).CONFIG.env_id for path in RECIPES) == sorted(TASKS)


def without_numbers(path: Path) -> str:
    """The code of a recipe but for its docstring and its numbers."""
    body = ast.parse(path.read_text()).body[1:]
    return "\n".join(ast.unparse(node) for node in body if not isinstance(node, ast.Assign))


def test_recipes_of_tasks_differ_in_numbers_only() -> None:
    assert len({without_numbers(path) for path in RECIPES}) == 1


def test_methods_train_alike() -> None:
    trees = [ast.parse(path.read_text()) for path in METHODS]
    mains = [next(node for node in tree.body if getattr(node, "name", "") == "main") for tree in trees]
    assert len({ast.unparse(main.body) for main in mains}) == 1


@pytest.mark.parametrize("path", OF_TASKS, ids=lambda path: path.stem)
def test_a_method_explains_its_flags_where_no_task_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(path), run_name="__main__")
    assert end.value.code == 0
    assert "--total-frames" in capsys.readouterr().out


def test_line_numbers_of_the_algorithm_stand_in_its_order() -> None:
    lines = [int(line) for line in re.findall(r"[Ll]ines? (\d+)", METHODS[0].read_text())]
    assert lines == sorted(lines)
    assert len(lines) >= 6


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_short_states_every_number_and_names_itself(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") < 50
    assert f"recipes/{path.name}" in text
    config = load_recipe(path.stem).CONFIG
    assert f"sher_{config.task}" == path.stem
    assert config.frames_per_batch % (get_task(config.env_id).episode_steps * config.num_envs) == 0


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_method_has_the_numbers_of_each_task(path: Path) -> None:
    config = load_recipe(path.stem).CONFIG
    assert load_recipe("sher").published(config.env_id) == config


@pytest.mark.parametrize("name", get_args(Sampling))
def test_a_recipe_constructs_the_sampler_that_is_asked_for(name: str, tmp_path: Path) -> None:
    config = small_config(tmp_path, load_recipe("sher_fetch_push"), sampler=name, batch_size=64)
    relabel = HindsightRelabel(goal_reward(config.env_id), LazyTensorStorage(100))
    chosen, _ = make_sampler(config, relabel)
    sampling = load_recipe("sher").SAMPLERS[name](config, relabel)
    assert type(sampling.sampler) is type(chosen)
    assert repr(sampling.sampler) == repr(chosen)
    assert sampling.generator is None or name == "per"


def test_there_is_a_function_for_each_critic() -> None:
    assert list(load_recipe("sher").CRITICS) == list(get_args(Critic))


@pytest.mark.parametrize("method", ["sher", "relay"])
def test_a_recipe_builds_the_critic_that_is_asked_for(method: str) -> None:
    recipe = load_recipe(method)
    config = dataclasses.replace(recipe.published("FetchPush-v4"), critic="bilinear", compile=False)
    assert isinstance(recipe.build(config).learner.loss.qvalue_network.module, TwoStreamCritic)


@pytest.mark.parametrize("env_id", ["FetchReach-v4", "HandManipulateEgg-v1"])
def test_the_relay_refuses_a_task_without_a_sub_task(env_id: str) -> None:
    with pytest.raises(UsageError, match=f"env_id '{env_id}' has no sub-task here; use FetchPush-v4 or"):
        load_recipe("relay").published(env_id)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sub_task_distance": 0.0}, "sub_task_distance is 0.0"),
        ({"sub_task_share": 1.5}, "share is 1.5"),
        ({"guide": -0.1}, "probability is -0.1"),
    ],
)
def test_the_relay_refuses_numbers_out_of_range(change: dict[str, float], sentence: str) -> None:
    relay = load_recipe("relay")
    with pytest.raises(UsageError, match=sentence):
        relay.build(dataclasses.replace(relay.published("FetchPush-v4"), **change))


@pytest.mark.parametrize("env_id", ["FetchReach-v4", "PointMaze_UMaze-v3"])
def test_dher_refuses_a_task_whose_goal_stands_still(env_id: str) -> None:
    with pytest.raises(UsageError, match=f"env_id '{env_id}' has no goal that moves; use one of DyReach-v0,"):
        load_recipe("dher").published(env_id)


def test_sher_has_no_numbers_for_a_goal_that_moves() -> None:
    with pytest.raises(UsageError, match=r"env_id 'DyReach-v0' has a goal that moves; use recipes/dher\.py"):
        load_recipe("sher").published("DyReach-v0")


@pytest.mark.parametrize(("change", "sentence"), [({"cell": 0.0}, "cell is 0.0"), ({"share": 1.5}, "share is 1.5")])
def test_dher_refuses_numbers_out_of_range(change: dict[str, float], sentence: str) -> None:
    dher = load_recipe("dher")
    with pytest.raises(UsageError, match=sentence):
        dher.build(dataclasses.replace(dher.published("DyReach-v0"), **change))


@pytest.mark.parametrize(
    "path", [path for path in METHODS if path not in (RELAY, DHER, DEMONSTRATIONS)], ids=lambda path: path.stem
)
@pytest.mark.parametrize("env_id", ["FetchPush-v1", "PointMaze_UMaze-v3"])
def test_a_method_refuses_a_task_that_it_has_no_numbers_for(path: Path, env_id: str) -> None:
    with pytest.raises(UsageError, match=f"env_id '{env_id}' is "):
        load_recipe(path.stem).published(env_id)


def test_a_refused_task_ends_the_command_line_in_a_sentence() -> None:
    result = python(str(METHODS[0]), "--env", "FetchPush-v1")
    assert result.returncode == 1
    assert result.stderr == "error: env_id 'FetchPush-v1' is not maintained; use 'FetchPush-v4'.\n"


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


@pytest.mark.parametrize("eval_frames", [1_000, 25_000])
def test_the_weight_of_cher_starts_again_after_50_cycles_however_often_tests_are(eval_frames: int) -> None:
    recipe = load_recipe("cher")
    config = dataclasses.replace(recipe.published("HandReach-v3"), eval_frames=eval_frames, compile=False)
    assert recipe.build(config).buffer.sampler.lambda_period == 50 * 40


@pytest.mark.parametrize(
    ("method", "parts", "norms"),
    [
        ("sher", {"pose_difference": False, "symmetric": False, "waypoint_share": 0.0}, (ObservationNorm, GoalNorm)),
        ("her", {"pose_difference": True}, (ObservationNorm, PoseNorm)),
        ("her", {"pose_difference": True, "symmetric": True, "waypoint_share": 0.5}, (SymmetricObjectNorm, PoseNorm)),
        ("cher", {"pose_difference": True, "symmetric": True, "waypoint_share": 0.5}, (SymmetricObjectNorm, PoseNorm)),
    ],
)
def test_a_method_trains_with_the_parts_of_another(method: str, parts: dict, norms: tuple, tmp_path: Path) -> None:
    recipe = load_recipe(method)
    small = SMALL | {"out_dir": tmp_path, "compile": False}
    recipe.main(dataclasses.replace(recipe.published("HandManipulateEgg-v1"), **small, **parts))
    [path] = tmp_path.rglob("policy.pt")
    policy = load_policy(path).module
    assert (type(policy.observation_norm), type(policy.goal_norm)) == norms


@pytest.mark.parametrize("path", [*RECIPES, *METHODS], ids=lambda path: path.stem)
def test_a_recipe_runs_from_its_command_line(path: Path, tmp_path: Path) -> None:
    flags = [*FLAGS, "--total-frames=300", "--eval-frames=300", "--eval-episodes=2", "--seed=1"]
    flags += ["--no-compile", *ENV.get(path, [])]
    result = python(str(path), *flags, "--out-dir", str(tmp_path), "--run-name", "run")
    assert result.returncode == 0, result.stderr[-2000:]
    assert {file.name for file in (tmp_path / "run").iterdir()} == FILES
    with (tmp_path / "run" / "progress.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    assert int(last["frames"]) == 300
    assert int(last["updates"]) == 9
    learned = ("loss_actor", "loss_qvalue", "q_mean") + (() if path in BASELINES else ("loss_value",))
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
