"""The table of averages in docs/sher.md says what the csv files say."""

import csv
import re
from pathlib import Path
from statistics import mean

import pytest

DOCS = Path(__file__).parents[2] / "docs"
ROWS = [line for line in (DOCS / "sher.md").read_text().splitlines() if "](experiments/averages/" in line]
LAST = 5


@pytest.mark.parametrize("line", ROWS, ids=lambda line: re.search(r"averages/(.*)\.csv", line)[1])
def test_a_row_has_the_means_of_its_last_evaluations(line: str) -> None:
    with (DOCS / re.search(r"\((.*csv)\)", line)[1]).open() as file:
        rows = list(csv.DictReader(file))[-LAST:]
    cells = [float(cell) for cell in line.split("|")[3:-1]]
    means = [mean(float(row[decay]) for row in rows) for decay in ("0", "0.7", "0.9", "0.97", "0.99")]
    assert cells == pytest.approx(means, abs=0.0051)


def test_every_csv_has_a_row() -> None:
    assert len(ROWS) == len(list(DOCS.glob("experiments/averages/*.csv")))
