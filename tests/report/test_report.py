import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sher_rl import UsageError
from sher_rl.report import draw_curves, summary_table
from sher_rl.training.progress import Progress


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run-a"
    folder.mkdir()
    progress = Progress(folder, 300)
    for train, test in ((0.0, 0.25), (0.5, 1.0), (1.0, 0.75)):
        progress.collected(100, torch.tensor([train]))
        progress.row(torch.tensor([test]))
    return folder


def test_the_table_has_last_best_first_time_and_delta_s(run: Path) -> None:
    row = summary_table([run]).splitlines()[-1]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:2] == ["run-a", "300"]
    assert cells[3:7] == ["1.00", "0.75", "1.00", "200"]
    assert cells[8] == "0.333"  # (0.25 + 0.5 + 0.25) / 3


def test_a_level_never_reached_is_said(run: Path) -> None:
    assert summary_table([run], level=1.01).count("not reached") == 2


def test_command_line_reads_folders_and_csv_files(run: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sher_rl.report", str(run), str(run / "progress.csv"), "--out", "c.png"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert len(result.stdout.splitlines()) == 5
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_remedy_is_named(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "pip install 'sher-rl[plot]'" in draw_curves([run], run / "curve.png")
    assert not (run / "curve.png").exists()


def test_a_picture_out_of_reach_gets_one_sentence(run: Path) -> None:
    command = [sys.executable, "-m", "sher_rl.report", str(run), "--out", "/nonexistent/c.png"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert "No such file or directory: '/nonexistent/c.png'" in result.stderr
    assert "Traceback" not in result.stderr


def test_no_run_and_an_empty_run_get_one_sentence(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no progress\.csv"):
        summary_table([tmp_path / "nothing"])
    text = (run / "progress.csv").read_text().splitlines()[0]
    (run / "progress.csv").write_text(text + "\n")
    with pytest.raises(UsageError, match="has no evaluation yet"):
        summary_table([run])
