"""The csv file of a run: its columns, and how it is read."""

from __future__ import annotations

import csv
from pathlib import Path

from sher_rl.errors import UsageError

NEEDED_COLUMNS = (
    "frames",
    "updates",
    "seconds",
    "train_success",
    "test_success",
    "train_episodes",
    "test_episodes",
)
"""Columns without which a file is no ``progress.csv``."""
COLUMNS = (
    *NEEDED_COLUMNS,
    "q_mean",
    "v_mean",
    "alpha",
    "entropy",
    "loss_qvalue",
    "loss_value",
    "loss_actor",
    "loss_alpha",
    "grad_norm",
    "q_min",
    "q_max",
    "train_success_greedy",
    "train_greedy_episodes",
)
"""Columns of every run; where goals are poses, :data:`POSE_COLUMNS` follow."""
POSE_COLUMNS = ("test_success_position", "test_success_rotation", "test_distance", "test_angle")
"""Of test episodes whose goals are poses: shares that ended within each tolerance; mean metres and radians."""


def read_progress(path: Path) -> list[dict[str, float]]:
    """Rows of a ``progress.csv`` as numbers; an empty cell is NaN, as is each of a column that the file lacks.

    Raises:
        UsageError: there is no such file, or it is no progress.csv.
    """
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
        header = reader.fieldnames or ()
        columns = [*COLUMNS, *(name for name in POSE_COLUMNS if name in header)]
        return [{name: _number(row, name) for name in columns} for row in rows]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise UsageError(f"{str(path)!r} is no progress.csv of a run ({error}).") from error


def _number(row: dict[str, str], column: str) -> float:
    cell = row[column] if column in NEEDED_COLUMNS else row.get(column)
    return float(cell or "nan")
