"""What entropy alone brings: SHER and HER with the same other parts, and both without them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sher_rl.report.cells import line, seeds, spread
from sher_rl.report.common import common_end, cut
from sher_rl.report.runs import TITLES, Run, select

CELLS = {
    "sher": ("SHER's", "SHER"),
    "her-parts": ("SHER's", "HER"),
    "sher-bare": ("HER's", "SHER"),
    "her": ("HER's", "HER"),
}
"""Whose numbers and parts a run has, and its method, by the variant in its name."""
ADDED = {"her-parts": "HER with SHER's parts", "sher-bare": "SHER with HER's parts"}
"""What is run for this table alone."""


def ablation_table(runs: Sequence[Run]) -> str:
    """Markdown table with a row for each task, choice of parts and method, up to the steps that all of the task have.

    Tasks without a run of :data:`ADDED` are left out.
    """
    head = ("task", "numbers and parts", "method", "seeds", "steps", "last success", "mean over evaluations")
    lines = [line(*head), "|---|---|---|" + "---:|" * 4]
    for task in TITLES:
        own = [run for run in runs if run.task == task and run.variant in CELLS]
        if any(run.variant in ADDED for run in own):
            lines += _rows(own, task)
    return "\n".join(lines) if len(lines) > 2 else "No run of it yet."


def _rows(runs: Sequence[Run], task: str) -> list[str]:
    end = common_end(runs)
    lines = []
    for variant, names in CELLS.items():
        if own := [cut(run, end) for run in select(runs, task, variant)]:
            last = np.array([run.rows[-1]["test_success"] for run in own])
            mean = np.array([np.mean([row["test_success"] for row in run.rows]) for run in own])
            lines.append(line(TITLES[task], *names, seeds(own), f"{end:,}", spread(last, 2), spread(mean, 2)))
    return lines
