"""Cells of Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sher_rl.report.runs import Run
from sher_rl.report.statistics import Array


def seeds(runs: Sequence[Run]) -> str:
    """The seeds of runs."""
    return ", ".join(str(run.seed) for run in runs)


def spread(values: Array, digits: int) -> str:
    """Mean and sample standard deviation in words; a dash if a value is not known.

    >>> spread(np.array([0.5, 0.7]), 2)
    '0.60 ± 0.14'
    """
    if np.isnan(values).any() or len(values) == 1:
        return mean(values, digits)
    return f"{mean(values, digits)} ± {values.std(ddof=1):.{digits}f}"


def mean(values: Array, digits: int) -> str:
    """Mean in words; a dash if there is no value, or one that is not known."""
    return f"{values.mean():.{digits}f}" if len(values) and not np.isnan(values).any() else "–"


def line(*cells: str) -> str:
    """A line of a table.

    >>> line("task", "seeds")
    '| task | seeds |'
    """
    return f"| {' | '.join(cells)} |"
