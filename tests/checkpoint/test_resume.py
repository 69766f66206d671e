"""A run that was interrupted and resumed is, to the bit, the run that was not."""

import dataclasses
import json
import os
import random
import signal
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from helpers.same_run import AWKWARD, assert_same_run
from helpers.small import REACH, SMALL, load_recipe, small_run

from sher_rl import UsageError
from sher_rl.checkpoint.manifest import read_manifest, render_manifest
from sher_rl.training.progress import Progress

PUSH, EGG = load_recipe("sher_fetch_push"), load_recipe("sher_hand_egg")


@pytest.mark.parametrize("recipe", [REACH, PUSH, EGG], ids=lambda recipe: recipe.CONFIG.task)
def test_a_resumed_run_equals_the_undisturbed_one(recipe: ModuleType, tmp_path: Path) -> None:
    whole = small_run(tmp_path / "whole", recipe, **AWKWARD)
    parts = tmp_path / "parts"
    for frames in (102, 306, 510):  # random actions only; off the schedule of evaluations; the ring wrapped
        resume = {"resume": parts / "run"} if parts.exists() else {}
        small_run(parts, recipe, **AWKWARD | resume | {"total_frames": frames})
        random.seed(3)
        np.random.seed(3)
    small_run(parts, recipe, **AWKWARD, resume=parts / "run")
    assert_same_run(whole, parts / "run")


@pytest.mark.parametrize("sampler", ["cher", "per", "ebp", pytest.param("mep", marks=pytest.mark.slow)])
def test_samplers_resume_to_the_bit(sampler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = AWKWARD | {"sampler": sampler, "eval_frames": 204}
    whole = small_run(tmp_path / "whole", PUSH, **numbers)

    class Stopped(Progress):
        def collected(self, frames: int, successes: torch.Tensor) -> None:
            super().collected(frames, successes)
            if self.frames == 306:
                os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("sher_rl.training.run.Progress", Stopped)
    with pytest.raises(SystemExit):
        small_run(tmp_path / "part", PUSH, **numbers)  # of the same length: PER's β depends on it
    monkeypatch.undo()
    part = tmp_path / "part" / "run"
    assert [path.name for path in (part / "checkpoints").iterdir()] == ["306"]
    small_run(tmp_path / "part", PUSH, **numbers, resume=part)
    assert_same_run(whole, part)


@pytest.mark.parametrize("critic", ["two-stream", "merged", "bilinear"])
def test_critics_resume_to_the_bit(critic: str, tmp_path: Path) -> None:
    numbers = AWKWARD | {"critic": critic}
    whole = small_run(tmp_path / "whole", PUSH, **numbers)
    part = small_run(tmp_path / "part", PUSH, **numbers | {"total_frames": 306})
    assert json.loads((part / "config.json").read_text())["critic"] == critic
    small_run(tmp_path / "part", PUSH, **numbers, resume=part)
    assert_same_run(whole, part)


def test_next_goals_a_least_motion_and_an_average_resume_to_the_bit(tmp_path: Path) -> None:
    numbers = AWKWARD | {"next_share": 0.3, "min_motion": 0.001, "policy_ema": 0.75}
    whole = small_run(tmp_path / "whole", PUSH, **numbers)
    part = small_run(tmp_path / "part", PUSH, **numbers | {"total_frames": 306})
    kept = json.loads((part / "config.json").read_text())
    assert (kept["next_share"], kept["min_motion"], kept["policy_ema"]) == (0.3, 0.001, 0.75)
    small_run(tmp_path / "part", PUSH, **numbers, resume=part)
    assert_same_run(whole, part)


@pytest.mark.parametrize(
    ("name", "env_id"),
    [
        ("her", "FetchPush-v4"),
        ("cher", "FetchPush-v4"),
        ("relay", "FetchPush-v4"),
        ("dher", "DyPush-v0"),
        ("demonstrations", "FetchPush-v4"),
    ],
)
def test_the_other_methods_resume_to_the_bit(name: str, env_id: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    numbers = {key: value for key, value in AWKWARD.items() if key != "target_entropy"}
    numbers |= {"hidden": (16, 16), "batch_size": 32, "updates_per_batch": 3, "run_name": "run"}
    for folder, frames in (("whole", (612,)), ("part", (306, 612))):
        for total in frames:
            resume = tmp_path / folder / "run" if total != frames[0] else None
            changes = numbers | {"out_dir": tmp_path / folder, "resume": resume, "total_frames": total}
            recipe.main(dataclasses.replace(recipe.published(env_id), **changes))
    assert_same_run(tmp_path / "whole" / "run", tmp_path / "part" / "run")


def test_single_transitions_go_on_with_their_episode(tmp_path: Path) -> None:
    numbers = {"num_envs": 1, "frames_per_batch": 1, "updates_per_batch": 1, "random_frames": 20, "buffer_size": 60}
    numbers |= {"batch_size": 8, "eval_frames": 75, "eval_episodes": 1, "compile": False}
    whole = small_run(tmp_path / "whole", **numbers, total_frames=75)
    part = small_run(tmp_path / "part", **numbers, total_frames=31)
    small_run(tmp_path / "part", **numbers, total_frames=75, resume=part)
    assert_same_run(whole, part)


def test_killed_before_the_first_checkpoint_it_starts_over(tmp_path: Path) -> None:
    whole = small_run(tmp_path / "whole", compile=False)
    other = small_run(tmp_path / "other", compile=False)
    for path in (other / "checkpoints").iterdir():
        path.rename(tmp_path / path.name)
    (other / "checkpoints" / ".200.part").mkdir()
    small_run(tmp_path / "other", compile=False, resume=other)
    assert_same_run(whole, other)
    assert [path.name for path in (other / "checkpoints").iterdir()] == ["400"]


def test_a_finished_run_says_so(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run = small_run(tmp_path, compile=False)
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    for frames in (400, 300):
        small_run(tmp_path, compile=False, resume=run, total_frames=frames)
        assert f"has its {frames} frames already" in capsys.readouterr().out
    assert before == {path: path.stat().st_mtime_ns for path in run.rglob("*")}


def test_a_run_under_way_is_not_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def resume(*_: object) -> None:
        small_run(tmp_path, compile=False, resume=tmp_path / "run")

    monkeypatch.setattr("sher_rl.training.progress.Progress.end_round", resume)
    with pytest.raises(UsageError, match=r"run' is in use by another process; wait until that has ended\."):
        small_run(tmp_path, compile=False)


def test_killed_before_the_last_row_it_is_written_on_resume(tmp_path: Path) -> None:
    whole = small_run(tmp_path / "whole", compile=False, eval_frames=300)
    other = small_run(tmp_path / "other", compile=False, eval_frames=300)
    csv_file = other / "progress.csv"
    csv_file.write_text(csv_file.read_text().rstrip("\n").rpartition("\n")[0] + "\n")
    (other / "policy.pt").unlink()
    small_run(tmp_path / "other", compile=False, eval_frames=300, resume=other)
    assert_same_run(whole, other)


def test_the_folder_tells_the_length_that_was_asked_for_last(tmp_path: Path) -> None:
    run = small_run(tmp_path, compile=False, total_frames=100)
    first = json.loads((run / "config.json").read_text())
    small_run(tmp_path, compile=False, total_frames=200, resume=run)
    assert json.loads((run / "config.json").read_text()) == first | {"total_frames": 200}


def test_a_run_of_before_there_was_a_field_goes_on(tmp_path: Path) -> None:
    whole = small_run(tmp_path / "whole", compile=False)
    part = small_run(tmp_path / "part", compile=False, total_frames=200)
    [checkpoint] = part.glob("checkpoints/*")
    manifest = read_manifest(checkpoint)
    for field in ("pose_difference", "symmetric", "policy_ema"):
        del manifest["config"][field]
    (checkpoint / "manifest.json").write_bytes(render_manifest(manifest))
    small_run(tmp_path / "part", compile=False, resume=part)
    assert_same_run(whole, part)


def test_only_the_length_may_change(tmp_path: Path) -> None:
    run = small_run(tmp_path, compile=False, total_frames=100)
    with pytest.raises(UsageError, match=r"only total_frames may change \(alpha was 0.02, now 0.3, polyak was"):
        small_run(tmp_path, compile=False, resume=run, alpha=0.3, polyak=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [PUSH, EGG], ids=lambda recipe: recipe.CONFIG.task)
def test_a_recipe_with_its_own_numbers_resumes_to_the_bit(recipe: ModuleType, tmp_path: Path) -> None:
    """Compiled, bfloat16 where there are units for it, networks of full width."""
    own = {key: getattr(recipe.CONFIG, key) for key in SMALL} | {"eval_frames": 1_600, "eval_episodes": 16}
    numbers = own | {"total_frames": 4 * own["frames_per_batch"], "compile": recipe.CONFIG.compile}
    numbers |= {"random_frames": own["frames_per_batch"], "updates_per_batch": 10}
    whole = small_run(tmp_path / "whole", recipe, **numbers)
    part = small_run(tmp_path / "part", recipe, **numbers | {"total_frames": 2 * own["frames_per_batch"]})
    small_run(tmp_path / "part", recipe, **numbers, resume=part)
    assert_same_run(whole, part)
