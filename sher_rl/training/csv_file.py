"""The file that a run's rows are written to."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from sher_rl.files import replace_file

EXACT = ("frames", "updates", "seconds", "train_episodes", "test_episodes", "train_greedy_episodes")
"""Columns that are written as they are; the others have six digits."""


class CsvFile:
    """A csv file that grows by rows; it is written whole or not at all.

    Args:
        path: of the file, which may exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def text(self) -> str:
        """Everything in it; nothing where there is no file yet."""
        return self.path.read_bytes().decode() if self.path.exists() else ""

    def restore(self, text: str) -> None:
        """Let it hold ``text``, which :meth:`text` gave."""
        replace_file(self.path, text.encode())

    def delete(self) -> None:
        """Remove the file, if there is one."""
        self.path.unlink(missing_ok=True)

    def add(self, row: Mapping[str, float], columns: Sequence[str]) -> None:
        """Append a row, after a header if it is the first; cells of other columns stay empty."""
        before = self.text()
        added = io.StringIO(newline="")
        writer = csv.DictWriter(added, columns, restval="")
        if not before:
            writer.writeheader()
        writer.writerow({name: _cell(name, value) for name, value in row.items()})
        self.restore(before + added.getvalue())


def _cell(name: str, value: float) -> float | str:
    return value if name in EXACT else f"{value:.6g}"
