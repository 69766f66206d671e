"""The csv file of a run: its columns, and how it is read."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
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
_FINITE_COLUMNS = ("frames", "seconds", "test_success")
"""Columns that have a number in every row; training success has none if no training episode ended."""
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
"""Columns of every run; those of :data:`MORE_COLUMNS` that it has follow."""
POSE_COLUMNS = ("test_success_position", "test_success_rotation", "test_distance", "test_angle")
"""Of test episodes whose goals are poses: shares that ended within each tolerance; mean metres and radians."""


CLUSTER_COLUMNS = ("policy_age",)
"""Of a run on a cluster: gradient steps that were taken since the policy which collected had its weights."""
MORE_COLUMNS = (*POSE_COLUMNS, *CLUSTER_COLUMNS)
"""Columns that some runs have."""


def read_progress(path: Path) -> list[dict[str, float]]:
    """Rows of a ``progress.csv`` as numbers; an empty cell is NaN, as is each of a column that the file lacks.

    Raises:
        UsageError: there is no such file, or it is no progress.csv.
    """
    try:
        header, rows = _read(path)
        columns = [*COLUMNS, *(name for name in MORE_COLUMNS if name in header)]
        numbers = [{name: _number(row, name) for name in columns} for row in rows]
        _check_finite(numbers)
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise UsageError(f"{str(path)!r} is no progress.csv of a run ({error!s:.120}).") from error
    return numbers


def _read(path: Path) -> tuple[Sequence[str], list[dict[str, str]]]:
    if path.exists() and not path.is_file():  # which a pipe or a device is not, and would be waited for
        raise ValueError("no plain file")
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    return reader.fieldnames or (), rows


def _check_finite(rows: list[dict[str, float]]) -> None:
    for number, row in enumerate(rows, start=1):
        for name in _FINITE_COLUMNS:
            if not math.isfinite(row[name]):
                raise ValueError(f"row {number} has no {name}")


def _number(row: dict[str, str], column: str) -> float:
    cell = row[column] if column in NEEDED_COLUMNS else row.get(column)
    return float(cell or "nan")
