"""What several runs have in common: the steps that all of them reached, and evaluations on one grid of steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sher_rl.report.runs import Run
from sher_rl.report.statistics import Array

SLACK = 0.01
"""Share of a run's steps that makes no difference: methods round their steps up to whole batches, each to its own."""


def cut(run: Run, end: float) -> Run:
    """A run up to a number of steps, and :data:`SLACK` beyond it."""
    return run._replace(rows=[row for row in run.rows if row["frames"] <= (1 + SLACK) * end])


def common_end(runs: Sequence[Run]) -> int:
    """The steps that every run has reached."""
    return min(run.end for run in runs)


def lengths(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs at each of the lengths that some of them have: all of them cut to the shortest, then the longer ones."""
    stages = []
    while runs:
        end = common_end(runs)
        stages.append([cut(run, end) for run in runs])
        runs = [run for run in runs if run.end > (1 + SLACK) * end]
    return stages


def on_one_grid(runs: Sequence[Run]) -> tuple[list[int], list[Array]]:
    """Test success at the steps at which the run with the fewest evaluations was evaluated.

    A method that is evaluated more often so gets no more chances. Nothing is interpolated: a value is that of the last
    evaluation until then, with a hundredth of the whole length as slack.

    Args:
        runs: of the same length, see :func:`cut`.

    Returns:
        Steps, from the first that every run has, and for each run its values there.
    """
    end = common_end(runs)
    coarse = min(runs, key=lambda run: len(run.rows))
    first = max(run.rows[0]["frames"] for run in runs)
    steps = [row["frames"] for row in coarse.rows if row["frames"] >= first - SLACK * end]
    return [int(step) for step in steps], [
        np.array([_as_of(run, step + SLACK * end) for step in steps]) for run in runs
    ]


def _as_of(run: Run, step: float) -> float:
    return [row["test_success"] for row in run.rows if row["frames"] <= step][-1]
