import sys
from pathlib import Path

import pytest
from helpers.csv_rows import row, run, write

from sher_rl import UsageError
from sher_rl.report import write_paper
from sher_rl.report.curves import _panel
from sher_rl.report.runs import METHODS
from sher_rl.report.statistics import mean_std
from sher_rl.report.tables import delta_table, missing_list, success_table


def cells(table: str, task: str, method: str) -> list[str]:
    [line] = [line for line in table.splitlines() if line.startswith(f"| {task} | {method} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][2:]


def test_each_cell_of_table_1_has_the_papers_value_and_ours_or_missing() -> None:
    greedy = {"train_success_greedy": 0.25, "train_greedy_episodes": 25}
    runs = [run("fetch_push", "sher", 0, [0.5, 0.75], **greedy), run("fetch_push", "sher", 1, [0.5, 0.5], **greedy)]
    table = delta_table(runs)
    assert len(table.splitlines()) == 2 + 24
    paper, delta, floor, same, same_floor, change, epochs = cells(table, "FetchPush", "SHER")
    assert (paper, delta, epochs) == ("0.014", "0.062 ± 0.088", "2 of 100 steps")
    assert (same, change) == ("0.312 ± 0.088", "0.125 ± 0.177")
    assert 0 < float(floor.split()[0]) < float(same_floor.split()[0])
    assert cells(table, "FetchPush", "HER") == ["0.035", *["missing"] * 6]
    assert cells(delta_table([run("hand_egg", "her", 0, [0.5])]), "HandManipulateEgg", "HER")[3:6] == ["–"] * 3


def test_success_and_times_stand_seed_by_seed() -> None:
    runs = [run("fetch_push", "her", 0, [0.5, 1.0, 1.0]), run("fetch_push", "her", 1, [0.5, 0.5, 0.5])]
    seeds, steps, last, _, frames, seconds = cells(success_table(runs, 0.9), "FetchPush", "HER")
    assert (seeds, steps, last) == ("0, 1", "300", "0.75 ± 0.35")
    assert (frames, seconds) == ("300, not reached", "30, not reached")
    assert cells(success_table(runs), "FetchPush", "SHER") == ["missing"] * 6


def test_what_is_missing_is_listed() -> None:
    runs = [run("fetch_push", method, 0, [0.5]) for method in METHODS]
    assert missing_list(runs, list(METHODS), ["fetch_push"]) == "- nothing"
    assert missing_list(runs, ["sher"], ["fetch_push", "hand_pen"]) == "- hand_pen, sher: no run"


def test_a_panel_draws_what_is_there_and_says_what_is_not() -> None:
    from matplotlib.figure import Figure

    runs = [run("fetch_push", "sher", 0, [0.0, 0.5, 1.0]), run("fetch_push", "sher", 1, [0.5, 0.5])]
    axes = Figure().add_subplot()
    _panel(axes, runs, "fetch_push", METHODS, mean_std)
    [line] = axes.lines
    assert line.get_xydata().tolist() == [[100, 0.25], [200, 0.5]]
    assert axes.texts[0].get_text() == "SHER: seed 1 ends at 200 of 300 steps\nHER: no run\nCHER: no run"


def test_the_page_and_its_pictures_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(100, test=0.5), row(200, test=1.0)]
    names = ("fetch_push-sher-s0", "fetch_push-her-s0", "fetch_slide-sher-a0.05-s0")
    paths = [write(tmp_path, name, rows) for name in names]
    notes = write_paper(paths, tmp_path / "out" / "deeper")
    page = (tmp_path / "out" / "deeper" / "report.md").read_text()
    assert "from 3 runs" in page
    assert "- fetch_slide, sher-a0.1: no run" in page
    assert "sher-a0.05" not in page
    for name in ("figure4.png", "figure4-iqm.png", "figure5.png"):
        assert name in page
        assert (tmp_path / "out" / "deeper" / name).read_bytes().startswith(b"\x89PNG")
    assert notes.count("curve:") == 3
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "pip install 'sher-rl[plot]'" in write_paper(paths, tmp_path / "bare")
    assert (tmp_path / "bare" / "report.md").read_text() == page
    with pytest.raises(UsageError, match="no known task"):
        write_paper([write(tmp_path, "other", rows)], tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_the_page_in_the_docs_is_that_of_the_results(tmp_path: Path) -> None:
    docs = Path(__file__).parents[2] / "docs"
    write_paper(sorted((docs / "results").glob("*.csv")), tmp_path, level=0.9)
    assert (docs / "paper" / "report.md").read_text() == (tmp_path / "report.md").read_text()
