import itertools
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.csv_rows import run

from sher_rl.report import curves, draw_curves
from sher_rl.report.curves import _panel, _short, draw_tasks
from sher_rl.report.runs import METHODS, TITLES
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


def test_a_panel_draws_what_is_there_and_says_above_it_how_many_seeds_a_line_has() -> None:
    from matplotlib.figure import Figure

    runs = [run("fetch_push", "sher", 0, [0.0, 0.5, 1.0]), run("fetch_push", "sher", 1, [0.5, 0.5])]
    axes = Figure().add_subplot()
    _panel(axes, runs, "fetch_push", METHODS, mean_std)
    mean, longer = axes.lines
    assert mean.get_xydata().tolist() == [[100, 0.25], [200, 0.5]]
    assert longer.get_xydata().tolist() == [[200, 0.5], [300, 1.0]]  # of the seed that went further
    assert longer.get_linewidth() < mean.get_linewidth()
    assert axes.get_title() == "SHER: n = 2"
    assert [text.get_text() for text in axes.texts] == ["FetchPush"]


def beyond_the_ends(figure: Any) -> set[Any]:
    """Marks of axes that matplotlib makes and does not draw."""
    axis_ends = [(axis, axis.get_view_interval()) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    marks = [(tick, low, high) for axis, (low, high) in axis_ends for tick in axis.get_major_ticks()]
    return {tick.label1 for tick, low, high in marks if not low <= tick.get_loc() <= high}


def test_no_two_texts_of_figure_4_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    drawn: list[Figure] = []
    monkeypatch.setattr(curves, "_save", lambda figure, path, dpi: drawn.append(figure))
    tests = [0.1 * i for i in range(10)]
    runs = [run(task, method, seed, tests) for task in TITLES for method in METHODS for seed in range(3)]
    for rows in (each.rows for each in runs):
        for i, row in enumerate(rows):
            row["frames"] = 500_000 * (i + 1)
    for some in (runs, runs[:9]):  # eight panels, and one
        draw_tasks(some, tmp_path / "figure4.png", mean_std, "mean and standard deviation over seeds")
        figure = drawn.pop()
        FigureCanvasAgg(figure).draw()
        shown = {text for text in figure.findobj(Text) if text.get_visible() and text.get_text()}
        texts = shown - beyond_the_ends(figure)
        boxes = [text.get_window_extent() for text in texts]
        for (one, a), (other, b) in itertools.combinations(zip(texts, boxes, strict=True), 2):
            assert not a.overlaps(b), (one, other)
        assert all(
            box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes
        )


@pytest.mark.parametrize(
    ("steps", "words"), [(0, "0"), (500, "500"), (5_000, "5k"), (130_400, "130.4k"), (2_500_000, "2.5M")]
)
def test_steps_are_short_beside_an_axis(steps: float, words: str) -> None:
    assert _short(steps, 0) == words


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
