"""The pipelines under docs/examples, run for real and briefly."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import gymnasium
import pytest
import torch
from helpers.same_run import assert_same_run
from torchrl.envs.utils import ExplorationType

import sher_rl
from sher_rl.report.progress_csv import read_progress

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_dqn_flips_six_bits_with_hindsight():
    assert load("bit_flipping").main(bits=6, frames=3_000) >= 0.9


@pytest.mark.slow
def test_dqn_flips_fifteen_bits_with_hindsight_alone():
    example = load("bit_flipping")
    assert example.main(bits=15) >= 0.9
    assert example.main(bits=15, plain=True) <= 0.1


def test_the_goal_of_dy_snake_falls_a_cell_a_step_and_comes_back_at_the_top():
    rows = load("dy_snake").DySnake(8).rollout(25, break_when_any_done=False)
    before, after = rows["desired_goal"], rows["next", "desired_goal"]
    assert torch.equal(after[..., 0], before[..., 0])
    assert torch.equal(after[..., 1], (before[..., 1] - 1) % 20)
    assert (after[..., 1] == 19).any()
    assert (rows["next", "achieved_goal"] - rows["achieved_goal"]).abs().sum(-1).max() == 1


@pytest.mark.slow
def test_dqn_catches_a_goal_that_moves_with_spliced_goals_and_half_of_them_with_still_ones():
    example = load("dy_snake")
    assert example.main("spliced") >= 0.9
    assert example.main("ordinary") <= 0.7


@pytest.mark.slow
def test_hindsight_works_in_a_buffer_of_torchrl_s_on_ray():
    pytest.importorskip("ray")
    assert 0.7 < load("ray_replay").main() < 0.9


@pytest.fixture
def soft(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples of soft Q-learning take parts of each other."""
    monkeypatch.syspath_prepend(EXAMPLES)


def test_soft_q_learning_flips_six_bits_with_hindsight(soft):
    assert load("soft_bit_flipping").main(bits=6, frames=3_000) >= 0.9


def test_soft_q_learning_brings_a_point_to_an_x(soft):
    example, x_of = load("soft_point"), load("soft_composition").x_of
    sampler, qvalue = example.train(example.Point(16, x_of), frames=2_240, seed=0, updates=40)
    best = sher_rl.BestOfSamples(qvalue, sampler, alpha=example.ALPHA, candidates=32)
    assert example.success_rate(example.rollout(example.Point(100, x_of), best)) >= 0.9


@pytest.mark.slow
def test_soft_q_learning_flips_fifteen_bits_with_hindsight_alone(soft):
    example = load("soft_bit_flipping")
    assert example.main() >= 0.9
    assert example.main(plain=True) <= 0.1


@pytest.mark.slow
def test_soft_q_learning_comes_to_one_of_four_goals_and_its_sampler_to_each(soft):
    example = load("soft_point")
    sampler, qvalue = example.train(example.Point(16, torch.abs), frames=16_000, seed=0, updates=80)
    best = sher_rl.BestOfSamples(qvalue, sampler, alpha=example.ALPHA, candidates=32)
    assert example.success_rate(example.rollout(example.Point(200, torch.abs), best)) >= 0.9
    middle = example.Point(200, torch.abs, start=(0.0, 0.0), end=(0.6, 0.6))
    assert min(example.corners(example.rollout(middle, sampler, ExplorationType.RANDOM))) > 0


@pytest.mark.slow
def test_the_mean_of_two_soft_qs_does_both_tasks(soft, tmp_path):
    pytest.importorskip("matplotlib")
    at_x, at_y, both = load("soft_composition").main(picture=tmp_path / "paths.png").values()
    assert at_x[0] >= 0.9
    assert at_y[1] >= 0.9
    assert both[2] >= 0.9
    assert max(at_x[2], at_y[2]) <= 0.5
    assert (tmp_path / "paths.png").exists()


@pytest.mark.parametrize("name", ["sac", "ddpg"])
def test_torchrls_losses_reach_within_half_of_their_5000_steps(name):
    assert load(name).main(frames=2_600) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), [("sac", {}), ("ddpg", {"mode": "read"}), ("ddpg", {"mode": "write"})])
@pytest.mark.parametrize("seed", range(3))
def test_torchrls_losses_reach_with_each_seed(name, options, seed):
    assert load(name).main(seed=seed, **options) >= 0.9


def test_an_asynchronous_collector_writes_the_buffer():
    assert 0 < load("async_collector").main(frames=2_000, capacity=500) < 1


@pytest.fixture
def puck(tmp_path: Path) -> Iterator[tuple[ModuleType, sher_rl.Config]]:
    example = load("own_task")
    yield example, dataclasses.replace(example.CONFIG, out_dir=tmp_path, run_name="run")
    gymnasium.registry.pop("Puck-v0")


def lines_of_build(path: Path) -> set[str]:
    functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    build = next(function for function in functions if function.name == "build")
    return {ast.unparse(statement) for statement in build.body}


def test_a_task_of_ones_own_puts_every_part_on_the_device_as_the_recipe_does():
    recipe = {line for line in lines_of_build(EXAMPLES.parents[1] / "recipes" / "sher.py") if "config.device" in line}
    assert len(recipe) == 5
    assert {line.replace("exploring(config, policy)", "policy") for line in recipe} <= lines_of_build(
        EXAMPLES / "own_task.py"
    )


def test_a_task_of_ones_own_is_learned(puck, tmp_path):
    example, config = puck
    example.main(config)
    assert read_progress(tmp_path / "run" / "progress.csv")[-1]["test_success"] > 0.9  # a random policy: below 0.1
    assert sher_rl.load_policy(tmp_path / "run").env_id == "Puck-v0"


def test_a_task_of_ones_own_resumes_to_the_bit(puck, tmp_path):
    example, config = puck
    # 34 steps of each of three: checkpoints fall in mid-episode
    numbers = {"num_envs": 3, "frames_per_batch": 100, "random_frames": 100, "eval_frames": 204, "eval_episodes": 2}
    config = dataclasses.replace(config, **numbers, batch_size=32, updates_per_batch=3, total_frames=612)
    example.main(dataclasses.replace(config, run_name="whole"))
    example.main(dataclasses.replace(config, total_frames=306))
    example.main(dataclasses.replace(config, resume=tmp_path / "run"))
    assert_same_run(tmp_path / "whole", tmp_path / "run")


def steps_to(goal: int, moves: list[list[int]]) -> dict[int, int]:
    """Least number of moves from each cell to a goal, by breadth-first search from the goal."""
    found = {goal: 0}
    for reached in (queue := [goal]):
        for cell, next_cells in enumerate(moves):
            if reached in next_cells and cell not in found:
                found[cell] = found[reached] + 1
                queue.append(cell)
    return found


def test_values_of_the_lava_world_are_those_of_shortest_paths():
    lava = load("lava_world")
    moves = lava.transitions(lava.free_cells())
    q = lava.optimal_values(moves)
    for goal in (0, 90, 187):
        steps = steps_to(goal, moves.tolist())
        assert len(steps) == len(moves) == 188
        for cell, next_cells in enumerate(moves.tolist()):
            expected = [0.0 if reached == 188 else 0.95 ** steps[reached] for reached in next_cells]
            assert q[cell, :, goal].tolist() == pytest.approx(expected, abs=1e-6)
    assert lava.policy_quality(q, moves, q).tolist() == pytest.approx([1.0] * 188)


def test_two_stages_lead_to_goals_never_seen_sooner_than_training_end_to_end():
    example = load("uvfa")
    world = example.make_world()
    seen = example.split(world, seed=10)
    staged, plain = (example.make_critic(world, 20, seed=10) for _ in range(2))
    example.two_stage(staged, world, seen, example.low_rank_factors(world.table[:, seen], 20), 300)
    example.end_to_end(plain, world, seen, 300)
    tables = [example.value_table(critic, world.states, world.goals) for critic in (staged, plain)]
    of_staged, of_plain = (example.qualities(table, world, seen) for table in tables)
    assert of_staged["unseen"] > 2 * of_plain["unseen"]


@pytest.mark.slow
def test_a_search_stops_runs_that_are_worse_than_the_others(tmp_path):
    optuna = pytest.importorskip("optuna")
    study = load("optuna_search").main(trials=4, frames=2_400, out_dir=tmp_path)
    states = [trial.state for trial in study.trials]
    assert states[0] == optuna.trial.TrialState.COMPLETE
    assert optuna.trial.TrialState.PRUNED in states
    assert study.best_value >= 0.5
    for trial in study.trials:
        rows = read_progress(tmp_path / f"trial-{trial.number}" / "progress.csv")
        written = {int(row["frames"]): row["test_success"] for row in rows}
        assert trial.intermediate_values == pytest.approx(written)
