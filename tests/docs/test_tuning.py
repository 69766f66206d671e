"""The tables of docs/experiments/tuning.md say what the csv files beside it say."""

import re
from pathlib import Path

import pytest

from sher_rl.report.progress_csv import read_progress

DOCS = Path(__file__).parents[2] / "docs" / "experiments"
LINES = (DOCS / "tuning.md").read_text().splitlines()
RUNS = [line for line in LINES if "](tuning/" in line]


@pytest.mark.parametrize("line", RUNS, ids=lambda line: re.search(r"tuning/(.*)\.csv", line)[1])
def test_a_row_is_its_csv(line: str) -> None:
    head = next(other for other in reversed(LINES[: LINES.index(line)]) if other.startswith("| run"))
    success = {row["frames"]: row["test_success"] for row in read_progress(DOCS / re.search(r"\((.*csv)\)", line)[1])}
    for name, cell in zip(head.split("|"), line.split("|"), strict=True):
        if steps := re.fullmatch(r" (\d+)k ", name):
            assert cell.strip() == (f"{success[frames]:.2f}" if (frames := int(steps[1]) * 1000) in success else "")


def test_every_csv_has_a_row() -> None:
    assert {path.name for path in DOCS.glob("tuning/*.csv")} == {re.search(r"/(.*csv)\)", line)[1] for line in RUNS}
