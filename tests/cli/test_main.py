import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from helpers.forked import python
from helpers.small import FLAGS

from sher_rl.report.progress_csv import read_progress


def sher_rl(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
    return python("-m", "sher_rl", *args, cwd=cwd)


def test_help_and_version() -> None:
    for args in ([], ["--help"]):
        result = sher_rl(*args)
        assert result.returncode == 0
        for name in ("train", "play", "report", "sweep"):
            assert f"sher-rl {name}" in result.stdout
    command = [sys.executable, "-m", "sher_rl", "--version"]
    assert subprocess.run(command, capture_output=True, text=True).stdout == version("sher-rl") + "\n"


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["trian"], "'trian' is no command."),
        (["train"], "recipe is missing; use sher-rl train RECIPE --help, with one of cer, cher, demonstrations, dher,"),
        (["train", "hand_spoon"], "recipe 'hand_spoon' is not there; recipes are"),
        (["report"], "runs is empty"),
        (["play"], "run is what to play"),
        (["sweep", "hand_spoon"], "recipe 'hand_spoon' is not there"),
    ],
)
def test_wrong_use_gets_one_sentence(args: list[str], sentence: str) -> None:
    result = sher_rl(*args)
    assert result.returncode == 1
    assert f"error: {sentence}" in result.stderr
    assert "Traceback" not in result.stderr


def test_train_is_the_recipe_and_play_and_report_take_its_folder(tmp_path: Path) -> None:
    flags = [*FLAGS, "--no-compile", "--seed", "3", "--out-dir", "runs", "--quiet"]
    trained = sher_rl("train", "fetch_reach", *flags, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    [run] = (tmp_path / "runs").iterdir()
    assert run.name.startswith("fetch_reach-sher-")
    assert read_progress(run / "progress.csv")[-1]["frames"] == 400
    assert "success" in sher_rl("play", str(run), "--episodes", "2").stdout
    reported = sher_rl("report", str(run), cwd=tmp_path)
    assert "| FetchReach | SHER | 1 | 3 | 400 |" in reported.stdout
    assert (tmp_path / "curve.png").exists()
