import sys
from pathlib import Path

import pytest
from helpers.csv_rows import row, write

from sher_rl import UsageError
from sher_rl.report import write_paper


def test_the_page_and_its_pictures_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(100, test=0.5), row(200, test=1.0)]
    names = ("fetch_push-sher-s0", "fetch_push-her-s0", "fetch_slide-sher-a0.05-s0")
    paths = [write(tmp_path, name, rows) for name in names]
    notes = write_paper(paths, tmp_path / "out" / "deeper")
    page = (tmp_path / "out" / "deeper" / "report.md").read_text()
    assert "from 3 runs" in page
    assert "- FetchSlide, α = 0.1: no run" in page
    assert "- HandReach, SHER: no run" in page
    assert "| HandReach" not in page  # rows are for what was run
    assert "sher-a0.05" not in page
    assert "](" + "../gallery" not in page
    for name in ("figure4.png", "figure4-iqm.png", "figure5.png"):
        assert name in page
        assert (tmp_path / "out" / "deeper" / name).read_bytes().startswith(b"\x89PNG")
    assert notes.count("curve:") == 3
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "run pip install matplotlib" in write_paper(paths, tmp_path / "bare")
    assert (tmp_path / "bare" / "report.md").read_text() == page
    with pytest.raises(UsageError, match="no known task"):
        write_paper([write(tmp_path, "other", rows)], tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_the_page_in_the_docs_is_that_of_the_results(tmp_path: Path) -> None:
    docs = Path(__file__).parents[2] / "docs"
    film = tmp_path / "gallery" / "HandManipulateEgg.gif"
    write_paper(sorted((docs / "results").glob("*.csv")), tmp_path / "paper", level=0.9, film=film)
    page = (docs / "paper" / "report.md").read_text()
    assert page == (tmp_path / "paper" / "report.md").read_text()
    assert "](../gallery/HandManipulateEgg.gif)" in page
    assert (docs / "gallery" / film.name).exists()
