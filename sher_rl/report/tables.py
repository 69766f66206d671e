"""Tables in Markdown, from csv rows alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from string import ascii_uppercase

import numpy as np

from sher_rl.functional.stability import delta_s
from sher_rl.report.cells import line, mean, seeds, spread
from sher_rl.report.common import common_end, cut, lengths
from sher_rl.report.groups import Group
from sher_rl.report.runs import METHODS, TITLES, Run, gaps, label, read_rows, select
from sher_rl.report.statistics import iqm_interval, reached, stability
from sher_rl.tasks import RECORDS

LEVEL = 0.95


def summary_table(runs: Sequence[Path], level: float = LEVEL) -> str:
    """Markdown table with a row per run: its length, last and best success, when ``level`` was reached, δS.

    δS is the mean over the evaluations before which a training episode ended.
    """
    head = f"| run | frames | minutes | train | test | best | frames to {level:g} | seconds to {level:g} | mean δS |"
    return "\n".join([head, "|---|" + "---:|" * 8, *(_summary(run, level) for run in runs)])


def _summary(run: Path, level: float) -> str:
    rows = read_rows(run)
    last = rows[-1]
    first = next((row for row in rows if row["test_success"] >= level), None)
    deltas = [delta_s(row["train_success"], row["test_success"]) for row in rows]
    known = np.array([delta for delta in deltas if not math.isnan(delta)])
    return line(
        label(run),
        f"{last['frames']:,.0f}",
        f"{last['seconds'] / 60:.1f}",
        mean(np.array([last["train_success"]]), 2),
        f"{last['test_success']:.2f}",
        f"{max(row['test_success'] for row in rows):.2f}",
        f"{first['frames']:,.0f}" if first else "not reached",
        f"{first['seconds']:.0f}" if first else "not reached",
        mean(known, 3),
    )


def success_table(runs: Sequence[Run], level: float = LEVEL) -> str:
    """Markdown table with a row per task, method and length: last success over seeds, when each reached ``level``.

    Seeds of a method that went further than the others have a row of their own, too. What was not run has none.
    """
    head = ("task", "method", "seeds", "steps", "last success", "IQM, 95% interval", f"steps to {level:g}", "seconds")
    lines = [line(*head, "made on"), "|---|---|" + "---:|" * 6 + "---|"]
    letters = machine_letters(runs)
    for task, method in product(TITLES, METHODS):
        for own in lengths(select(runs, task, method)):
            made_on = ", ".join(dict.fromkeys(letters.get(run.machine, "–") for run in own))
            lines.append(line(TITLES[task], METHODS[method], *_success(own, level), made_on))
    return "\n".join(lines)


def machine_letters(runs: Sequence[Run]) -> dict[str, str]:
    """A letter for each machine that is known, in the order in which the table has them."""
    ordered = [run for task, method in product(TITLES, METHODS) for run in select(runs, task, method)]
    return dict(zip(dict.fromkeys(run.machine for run in ordered if run.machine), ascii_uppercase, strict=False))


def machine_list(runs: Sequence[Run]) -> str:
    """Markdown list of :func:`machine_letters`."""
    return "\n".join(f"- {letter}: {name}" for name, letter in machine_letters(runs).items()) or "- not known"


def _success(runs: Sequence[Run], level: float) -> list[str]:
    last = np.array([[run.rows[-1]["test_success"]] for run in runs])
    centre, low, high = (values.item() for values in iqm_interval(last))
    interval = "one seed" if math.isnan(low) else f"{low:.2f} to {high:.2f}"
    times = [reached(run.rows, level) for run in runs]
    return [
        seeds(runs),
        ", ".join(f"{end:,}" for end in sorted({run.end for run in runs})),
        spread(last.reshape(-1), 2),
        f"{centre:.2f}, {interval}",
        _when(times, "frames"),
        _when(times, "seconds"),
    ]


def _when(times: Sequence[dict[str, float] | None], column: str) -> str:
    """What a column had at the moment of each seed; one "not reached" if no seed has one."""
    if not any(times):
        return "not reached"
    return ", ".join(f"{row[column]:,.0f}" if row else "not reached" for row in times)


def group_table(groups: Sequence[Group], level: float = LEVEL) -> str:
    """Markdown table with a row per group of seeds: last success, and when each seed reached ``level``."""
    head = ("task", "method", "n", "seeds", "steps", "last success", "IQM, 95% interval", f"steps to {level:g}")
    lines = [line(*head, "seconds", "δS"), "|---|---|" + "---:|" * 8]
    for group in groups:
        deltas = np.array([stability(run.rows).delta_s for run in group.runs])
        cells = [str(len(group.runs)), *_success(group.runs, level), spread(deltas, 3)]
        lines.append(line(group.title or "–", group.name, *cells))
    return "\n".join(lines)


def delta_table(runs: Sequence[Run]) -> str:
    """The paper's Table 1, a row for each of its cells that was run: its value, ours, and what stands beside ours.

    The runs of a task count up to the steps that all of them have.
    """
    head = ("task", "method", "seeds", "paper's δS", "δS", "floor", "same-mode δS", "floor", "change", "epochs")
    lines = [line(*head), "|---|---|" + "---:|" * 8]
    for task in RECORDS:
        for method in METHODS:
            if own := select(runs, task.name, method):
                end = common_end([run for run in runs if run.task == task.name])
                paper = f"{task.paper_delta_s[method]:.3f}"
                values = _stability([cut(run, end) for run in own])
                lines.append(line(task.title, METHODS[method], seeds(own), paper, *values))
    return "\n".join(lines)


def _stability(runs: Sequence[Run]) -> list[str]:
    means = zip(*(stability(run.rows) for run in runs), strict=True)
    sizes = sorted({f"{len(run.rows)} of {run.rows[-1]['frames'] / len(run.rows):,.0f} steps" for run in runs})
    return [*(spread(np.array(values), 3) for values in means), ", ".join(sizes)]


def missing_list(runs: Sequence[Run], variants: Mapping[str, str], tasks: Sequence[str] = tuple(TITLES)) -> str:
    """Markdown list of what ``runs`` lack, see :func:`~sher_rl.report.runs.gaps`; ``variants`` gives their names."""
    found = [(task, name, "; ".join(gaps(runs, task, key))) for task in tasks for key, name in variants.items()]
    return "\n".join(f"- {TITLES[task]}, {name}: {words}" for task, name, words in found if words) or "- nothing"
