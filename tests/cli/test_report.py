import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.forked import python

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


def test_command_line_reads_folders_and_csv_files_each_once(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other-s1.csv"
    other.write_bytes((run / "progress.csv").read_bytes())
    files = [str(run), str(run / "progress.csv"), str(other)]
    command = [sys.executable, "-m", "sher_rl.report", *files, "--band", "iqm", "--out", "c.png"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert len(result.stdout.splitlines()) == 5
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_out_of_reach_gets_one_sentence(run: Path) -> None:
    result = python("-m", "sher_rl.report", str(run), "--out", "/nonexistent/c.png")
    assert result.returncode == 1
    assert "'/nonexistent/c.png' cannot be written (No such file or directory)" in result.stderr
    assert "Traceback" not in result.stderr


def test_no_runs_get_one_sentence(tmp_path: Path) -> None:
    result = python("-m", "sher_rl.report", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.strip() == "error: runs is empty; give run folders or csv files, such as runs/RUN."
    assert list(tmp_path.iterdir()) == []
