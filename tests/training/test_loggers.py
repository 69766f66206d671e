import json
import math
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from helpers.same_run import AWKWARD, assert_same_run
from helpers.small import small_config, small_run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import sher_rl.training.loggers
from sher_rl import UsageError
from sher_rl.report.progress_csv import read_progress
from sher_rl.training.config import LoggerName
from sher_rl.training.loggers import _OPEN, _PACKAGES, wandb_id
from sher_rl.training.rounds import PREFIX, Rounds
from sher_rl.training.run_folder import run_folder

NUMBERS = AWKWARD | {"logger": "tensorboard"}


def logged(run: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def assert_logged_is_the_csv(run: Path) -> None:
    found = {name: events for name, events in logged(run).items() if not name.startswith(PREFIX)}
    rows = read_progress(run / "progress.csv")
    assert set(found) == {name for row in rows for name, value in row.items() if not math.isnan(value)}
    for name, events in found.items():
        expected = [(int(row["frames"]), row[name]) for row in rows if not math.isnan(row[name])]
        assert [step for step, _ in events] == [step for step, _ in expected]
        assert [value for _, value in events] == pytest.approx([value for _, value in expected], rel=1e-6)


def test_the_event_file_has_the_rows_of_the_csv_once_after_a_resume_too(tmp_path: Path) -> None:
    whole = small_run(tmp_path / "whole", **NUMBERS)
    assert_logged_is_the_csv(whole)
    part = small_run(tmp_path / "part", **NUMBERS | {"total_frames": 408})  # its last row is off the schedule
    assert [step for step, _ in logged(part)["test_success"]] == [204, 306, 408]
    small_run(tmp_path / "part", **NUMBERS, resume=part)
    assert_same_run(whole, part)
    assert_logged_is_the_csv(part)
    plain = small_run(tmp_path / "plain", **AWKWARD)
    assert not (plain / "tensorboard").exists()
    assert (plain / "policy.pt").read_bytes() == (whole / "policy.pt").read_bytes()


def test_the_configuration_is_logged(tmp_path: Path) -> None:
    run = small_run(tmp_path, logger="tensorboard", total_frames=100, eval_episodes=1, train_eval_episodes=0)
    [file] = run.glob("tensorboard/*/events*")
    assert b"batch_size" in file.read_bytes()
    assert json.loads((run / "config.json").read_text())["logger"] == "tensorboard"
    assert "train_success_greedy" not in logged(run)


def test_a_logger_that_is_not_installed_is_named_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sher_rl.training.loggers, "find_spec", lambda name: None)
    config = small_config(tmp_path / "runs", logger="wandb")
    remedy = r"logger 'wandb' needs .* run pip install wandb\."
    with pytest.raises(UsageError, match=remedy), run_folder(config):
        pass
    assert not (tmp_path / "runs").exists()


def test_an_id_that_a_file_keeps_is_an_id(tmp_path: Path) -> None:
    file = tmp_path / "wandb_id"
    first = wandb_id(file)
    assert wandb_id(file) == first == file.read_text()
    (tmp_path / "secret").write_text("password\n")
    file.write_text("password\n")
    with pytest.raises(UsageError, match="holds no id of a run"):
        wandb_id(file)
    file.unlink()
    file.symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="wandb_id"):
        wandb_id(file)


def test_every_logger_is_an_extra_of_what_it_needs() -> None:
    extras = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert {*get_args(LoggerName)} == {*_OPEN} == {*_PACKAGES}
    for name, packages in _PACKAGES.items():
        assert extras[name] == [*packages]


def rounds(run: Path) -> dict[str, list[tuple[int, float]]]:
    return {name: events for name, events in logged(run).items() if name.startswith(PREFIX)}


def test_each_round_of_updates_is_a_row_after_a_resume_too(tmp_path: Path) -> None:
    whole = small_run(tmp_path / "whole", **NUMBERS)
    found = rounds(whole)
    batches = [102 * (i + 1) for i in range(NUMBERS["total_frames"] // 102)]
    assert [step for step, _ in found["round/updates"]] == batches
    assert [step for step, _ in found["round/loss_actor"]] == batches[1:]  # the first are random
    part = small_run(tmp_path / "part", **NUMBERS | {"total_frames": 408})
    small_run(tmp_path / "part", **NUMBERS, resume=part)
    again = rounds(part)
    assert found == again


def test_rounds_that_a_file_makes_up_are_refused(tmp_path: Path) -> None:
    rounds = Rounds(None)
    for row in ([1], {"frames": 1.0, "secret": 1.0}, {"frames": "x"}, {"alpha": 1.0}):
        with pytest.raises(ValueError, match="a round of other numbers"):
            rounds.load_state_dict([row])
