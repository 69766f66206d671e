"""The file that a run's rows are written to."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sher_rl.files import replace_file
from sher_rl.report.progress_csv import COLUMNS, MORE_COLUMNS

COUNTS = ("frames", "updates", "train_episodes", "test_episodes", "train_greedy_episodes")
"""Columns of whole numbers."""
EXACT = (*COUNTS, "seconds")
"""Columns that are written as they are; the others have six digits."""


class CsvFile:
    """A csv file that grows by rows; it is written whole or not at all.

    Args:
        path: of the file; what is there is replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._text = ""

    def text(self) -> str:
        """Everything in it."""
        return self._text

    def restore(self, text: str) -> None:
        """Let it hold what :meth:`text` gave: the numbers, written anew.

        Raises:
            ValueError: there is something else in it.
        """
        self._write(_rewritten(text))

    def delete(self) -> None:
        """Remove the file, if there is one."""
        self._text = ""
        self.path.unlink(missing_ok=True)

    def add(self, row: Mapping[str, float], columns: Sequence[str]) -> None:
        """Append a row, after a header if it is the first; cells of other columns stay empty."""
        self._write(self._text + _rendered([row], columns, header=not self._text))

    def _write(self, text: str) -> None:
        replace_file(self.path, text.encode())
        self._text = text


def _rewritten(text: str) -> str:
    if text == "":
        return ""
    header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    if not {*header} <= {*COLUMNS, *MORE_COLUMNS}:
        raise ValueError("the csv has columns that no run has")
    return _rendered([_numbers(header, row) for row in rows], header, header=True)


def _numbers(header: Sequence[str], row: Sequence[str]) -> dict[str, float]:
    cells = zip(header, row, strict=True)
    return {name: int(cell) if name in COUNTS else float(cell) for name, cell in cells if cell}


def _rendered(rows: Iterable[Mapping[str, float]], columns: Sequence[str], *, header: bool) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    if header:
        writer.writeheader()
    writer.writerows({name: _cell(name, value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(name: str, value: float) -> float | str:
    return value if name in EXACT else f"{value:.6g}"
