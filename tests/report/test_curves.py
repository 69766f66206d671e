import sys
from pathlib import Path

import pytest
import torch
from helpers.csv_rows import run

from sher_rl.report import draw_curves
from sher_rl.report.curves import _panel
from sher_rl.report.runs import METHODS
from sher_rl.report.statistics import mean_std
from sher_rl.training.progress import Progress


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "run-a"
    path.mkdir()
    progress = Progress(path, 300)
    for train, test in ((0.0, 0.25), (0.5, 1.0), (1.0, 0.75)):
        progress.collected(100, torch.tensor([train]))
        progress.row(torch.tensor([test]))
    return path


def test_without_matplotlib_the_remedy_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "run pip install matplotlib" in draw_curves([folder], folder / "curve.png")
    assert not (folder / "curve.png").exists()


def test_a_panel_draws_what_is_there_and_says_what_is_not() -> None:
    from matplotlib.figure import Figure

    runs = [run("fetch_push", "sher", 0, [0.0, 0.5, 1.0]), run("fetch_push", "sher", 1, [0.5, 0.5])]
    axes = Figure().add_subplot()
    _panel(axes, runs, "fetch_push", METHODS, mean_std)
    [line] = axes.lines
    assert line.get_xydata().tolist() == [[100, 0.25], [200, 0.5]]
    assert axes.texts[0].get_text() == "SHER: seed 1 ends at 200 of 300\nsteps\nHER: no run\nCHER: no run"


@pytest.mark.parametrize("name", ["$x", "$\\input{x}$", "a\nb"])
def test_a_name_is_no_formula(name: str, folder: Path) -> None:
    named = folder.rename(folder.with_name(name))
    draw_curves([named], named / "curve.png")
    assert (named / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_is_not_drawn_through_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    (folder / "curve.png").symlink_to(tmp_path / "mine")
    draw_curves([folder], folder / "curve.png")
    assert (tmp_path / "mine").read_bytes() == b"mine"
    assert not (folder / "curve.png").is_symlink()


def test_a_picture_is_of_the_kind_that_its_name_says(folder: Path) -> None:
    draw_curves([folder], folder / "curve.svg")
    assert b"<svg" in (folder / "curve.svg").read_bytes()
