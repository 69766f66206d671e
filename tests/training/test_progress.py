import csv
import re
import sys
import time
from pathlib import Path

import pytest
import torch

from sher_rl.report.progress_csv import COLUMNS, POSE_COLUMNS, read_progress
from sher_rl.training.progress import Progress


def statistics(q: float) -> dict[str, torch.Tensor]:
    return {key: torch.tensor(q) for key in ("q_min", "q_mean", "q_max")}


def test_a_row_sums_up_its_interval(tmp_path: Path) -> None:
    progress = Progress(tmp_path, 1_000)
    progress.collected(100, torch.tensor([1.0, 0.0]))
    progress.collected(100, torch.tensor([1.0, 1.0]))
    progress.updated(statistics(-3.0))
    progress.updated(statistics(-1.0))
    progress.row(torch.tensor([1.0, 0.0, 0.0, 0.0]))
    progress.collected(100, torch.tensor([0.0]))
    progress.row(torch.tensor([1.0]))
    first, second = read_progress(tmp_path / "progress.csv")
    assert list(first) == list(COLUMNS)
    assert [first[key] for key in ("frames", "updates", "train_episodes", "test_episodes")] == [200, 2, 4, 4]
    assert (first["train_success"], first["test_success"]) == (0.75, 0.25)
    assert (first["q_min"], first["q_mean"], first["q_max"]) == (-3.0, -2.0, -1.0)
    assert (second["frames"], second["train_success"], second["train_episodes"]) == (300, 0.0, 1)
    assert second["q_mean"] != second["q_mean"]  # no update in the interval: empty
    assert 0 < first["seconds"] <= second["seconds"]


def test_each_row_is_on_disk_at_once(tmp_path: Path) -> None:
    progress = Progress(tmp_path, 10)
    progress.row(torch.tensor([1.0]))
    with (tmp_path / "progress.csv").open() as file:
        assert len(list(csv.reader(file))) == 2


def test_going_on_drops_rows_written_after_the_checkpoint(tmp_path: Path) -> None:
    progress = Progress(tmp_path, 1_000)
    for _ in range(3):
        progress.collected(100, torch.ones(2))
        progress.updated(statistics(-float(progress.frames)))
        if progress.frames != 200:
            progress.row(torch.ones(1))
        else:
            state, content = progress.state_dict(), (tmp_path / "progress.csv").read_bytes()
    again = Progress(tmp_path, 1_000)
    again.load_state_dict(state)
    assert (tmp_path / "progress.csv").read_bytes() == content
    assert (again.frames, again.updates, again.rows, again.last_row) == (200, 2, 1, 100)
    assert again.seconds >= state["seconds"]
    again.collected(100, torch.zeros(2))
    again.updated(statistics(-300.0))
    again.row(torch.ones(1))
    last = read_progress(tmp_path / "progress.csv")[-1]
    assert (last["frames"], last["train_success"], last["train_episodes"], last["q_mean"]) == (300, 0.5, 4, -250.0)


def test_the_bar_tells_the_rate_of_what_is_new(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = Progress(tmp_path, 3_000_000)
    progress.load_state_dict(progress.state_dict() | {"frames": 2_000_000})
    time.sleep(0.2)
    progress.collected(1, torch.ones(1))
    progress.end_round()
    line = capsys.readouterr().err.rpartition("\r")[2]
    assert "2.00M/3.00M" in line
    assert float(re.search(r"([\d.]+)frame/s", line)[1]) < 5


def test_greedy_successes_and_pose_columns_are_written_and_read(tmp_path: Path) -> None:
    progress, pose = Progress(tmp_path, 10), dict(zip(POSE_COLUMNS, (0.5, 0.25, 0.02, 1.5), strict=True))
    progress.row(torch.ones(4), torch.tensor([1.0, 0.0]), **pose)
    progress.row(torch.ones(4), torch.empty(0), **pose)
    first, second = read_progress(tmp_path / "progress.csv")
    assert list(first) == [*COLUMNS, *POSE_COLUMNS]
    assert {key: first[key] for key in POSE_COLUMNS} == pose
    assert (first["train_success_greedy"], first["train_greedy_episodes"]) == (0.5, 2)
    assert second["train_success_greedy"] != second["train_success_greedy"]
