import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from helpers.small import FLAGS, REACH, SMALL, load_recipe, small_config, small_run
from tensordict import TensorDict
from torchrl.data import ReplayBuffer

from sher_rl import load_policy, make_env
from sher_rl.report.progress_csv import read_progress
from sher_rl.training.evaluation import evaluate
from sher_rl.training.updates import minibatches


def rows_without_seconds(run: Path) -> list[dict[str, str]]:
    with (run / "progress.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run(tmp_path_factory.mktemp("runs"))


def test_a_run_leaves_all_its_files(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert names == {
        "config.json",
        "versions.json",
        "progress.csv",
        "policy.pt",
        "critics.pt",
        "curve.png",
        "checkpoints",
        ".lock",
    }
    assert json.loads((run / "config.json").read_text())["env_id"] == "FetchReach-v4"
    assert json.loads((run / "versions.json").read_text())["torchrl"].startswith("0.14")


def test_rows_count_frames_updates_and_episodes(run: Path) -> None:
    rows = read_progress(run / "progress.csv")
    assert [row["frames"] for row in rows] == [200, 400]
    assert [row["updates"] for row in rows] == [6, 12]  # the first 100 frames are random and already learned from
    assert [row["train_episodes"] for row in rows] == [4, 4]
    assert {(row["test_episodes"], row["train_greedy_episodes"]) for row in rows} == {(4, 1)}
    for row in rows:
        assert all(row[key] == row[key] for key in row if key != "loss_alpha")
        assert row["q_min"] <= row["q_mean"] <= row["q_max"]


def test_the_saved_policy_has_the_success_that_was_reported(run: Path) -> None:
    config = small_config(run)
    success = evaluate(load_policy(run), make_env("FetchReach-v4", 3), episodes=4, seed=config.test_seed)
    assert success.mean().item() == read_progress(run / "progress.csv")[-1]["test_success"]


def test_one_seed_gives_one_csv_and_another_seed_another(run: Path, tmp_path: Path) -> None:
    again, other = small_run(tmp_path / "a"), small_run(tmp_path / "b", seed=1)
    assert rows_without_seconds(again) == rows_without_seconds(run)
    assert rows_without_seconds(other) != rows_without_seconds(run)


def test_environments_need_not_divide_the_batch(tmp_path: Path) -> None:
    rows = read_progress(small_run(tmp_path, num_envs=3, eval_episodes=2) / "progress.csv")
    assert rows[-1]["frames"] == 408  # four batches of 34 steps of three environments
    assert rows[-1]["updates"] == 12


def test_goals_stay_in_their_environment_where_a_batch_ends_in_mid_episode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remaining = []

    def spy(buffer: ReplayBuffer, *args: int) -> Iterator[TensorDict]:
        remaining.append(buffer.storage.get(slice(None))["hindsight", "remaining"])
        return minibatches(buffer, *args)

    monkeypatch.setattr("sher_rl.training.updates.minibatches", spy)
    small_run(tmp_path, num_envs=3, random_frames=0, total_frames=100)
    assert remaining[0].tolist() == [*range(33, -1, -1)] * 3  # 34 steps of three environments


def test_automatic_temperature_is_learned_and_logged(tmp_path: Path) -> None:
    rows = read_progress(small_run(tmp_path, target_entropy="auto") / "progress.csv")
    assert rows[-1]["loss_alpha"] == rows[-1]["loss_alpha"]
    assert rows[0]["alpha"] != rows[-1]["alpha"]


def test_resume_goes_on_where_the_last_checkpoint_was(tmp_path: Path) -> None:
    run = small_run(tmp_path)
    before = load_policy(run).state_dict()
    small_run(tmp_path, resume=run, total_frames=600)
    rows = read_progress(run / "progress.csv")
    assert [row["frames"] for row in rows] == [200, 400, 600]
    assert rows[-1]["updates"] == 18
    assert rows[-1]["seconds"] > rows[-2]["seconds"]
    after = load_policy(run).state_dict()
    count = "module.observation_norm.count"
    assert (before[count].item(), after[count].item()) == (400, 600)


def test_in_an_ascii_locale_the_buffers_size_the_table_and_the_curve_come_out(tmp_path: Path) -> None:
    flags = [*FLAGS, "--no-compile", "--out-dir", str(tmp_path), "--run-name", "run", "--total-frames", "100"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    output = subprocess.run([sys.executable, REACH.__file__, *flags], env=environment, capture_output=True, text=True)
    assert output.returncode == 0, output.stderr
    # 10 + 3 + 4 + 10 + 3 + 3 + 1 floats, two flags, the steps left and the index: 156 bytes or more a transition
    assert "MB for 1,000 transitions" in output.stdout
    assert r"| mean \u03b4S |" in output.stdout
    assert f"curve: {tmp_path}/run/curve.png" in output.stdout
    assert (tmp_path / "run" / "curve.png").exists()


def test_it_learns_to_reach(tmp_path: Path) -> None:
    changes = {
        key: getattr(REACH.CONFIG, key) for key in SMALL if key not in ("total_frames", "eval_frames", "eval_episodes")
    }
    run = small_run(tmp_path, **changes, total_frames=4_000, eval_frames=4_000, eval_episodes=40)
    assert read_progress(run / "progress.csv")[-1]["test_success"] > 0.8  # a random policy: below 0.1
    torch.load(run / "policy.pt", weights_only=True)


def test_a_pose_task_tells_position_and_rotation_apart(tmp_path: Path) -> None:
    run = small_run(tmp_path, load_recipe("sher_hand_egg"), compile=False, eval_episodes=2, total_frames=200)
    [row] = read_progress(run / "progress.csv")
    assert row["test_success"] <= min(row["test_success_position"], row["test_success_rotation"])
    assert 0 < row["test_distance"] < 1
    assert 0 < row["test_angle"] <= 6.2832


@pytest.mark.slow
def test_compiled_low_precision_runs_repeat_themselves_too(tmp_path: Path) -> None:
    recipe = REACH.__file__.replace("reach", "push")
    for name in "ab":
        flags = ["--total-frames", "8000", "--eval-frames", "4000", "--out-dir", str(tmp_path), "--run-name", name]
        subprocess.run([sys.executable, recipe, *flags], capture_output=True, check=True)
    assert rows_without_seconds(tmp_path / "a") == rows_without_seconds(tmp_path / "b")
