"""What the paper claims of SHER, and whether runs show it: a sentence per claim, and a line per task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from sher_rl.report.common import common_end, cut, on_one_grid
from sher_rl.report.runs import METHODS, SEEDS, TITLES, Run, select
from sher_rl.report.statistics import Array, stability

HOLDS = "holds"
FAILS = "does not hold"
OPEN = "not shown"
LEARNED = 0.2
"""Success that a method of a task must have for its speed to be compared: FetchPush has 0.07 without a push."""
SIMILAR = 0.1
"""Largest difference between seeds that counts as similar; 100 test episodes leave ±0.1 to the difference of two."""
RIVALS = ("her", "cher")


class Task(NamedTuple):
    """Runs of a task by method, all up to the same steps, as far as there are any."""

    name: str
    end: int
    runs: Mapping[str, list[Run]]

    def all(self) -> list[Run]:
        """Every run."""
        return [run for runs in self.runs.values() for run in runs]


class Finding(NamedTuple):
    """Whether a claim holds on one task, or between one pair of groups, and the numbers."""

    subject: str
    verdict: str
    numbers: str


def compare(ours: Sequence[float], others: Sequence[Sequence[float]]) -> str:
    """Whether every one of our seeds has a smaller value than every one of each rival's.

    It does not hold if there is a rival of whose seeds none is worse than any of ours. Fewer than
    :data:`~sher_rl.report.runs.SEEDS` seeds show nothing. If two rivals were as good as we, with three seeds each,
    chance would give the first in one of 84 cases and the second in at most one of ten.

    >>> compare([1, 2, 3], [[4, 5, 6], [7, 8, 9]]), compare([4, 5, 6], [[1, 2, 4]]), compare([1, 2, 3], [[2, 4, 6]])
    ('holds', 'does not hold', 'not shown')
    >>> compare([1, 2], [[4, 5, 6]])
    'not shown'
    """
    if any(len(values) < SEEDS for values in (ours, *others)):
        return OPEN
    if all(max(ours) < min(values) for values in others):
        return HOLDS
    return FAILS if any(min(ours) >= max(values) for values in others) else OPEN


def overall(verdicts: Sequence[str], needed: int, tasks: int = len(TITLES)) -> str:
    """What follows for a claim about ``needed`` of ``tasks`` tasks from those that were compared.

    >>> overall(["holds"] * 7 + ["does not hold"], 7), overall(["does not hold"] * 2, 7), overall(["holds"] * 6, 7)
    ('holds', 'does not hold', 'not shown')
    """
    if verdicts.count(HOLDS) >= needed:
        return HOLDS
    return FAILS if verdicts.count(FAILS) > tasks - needed else OPEN


def compared_tasks(runs: Sequence[Run]) -> list[Task]:
    """Tasks with runs of SHER and of a rival, each run up to the steps that all of them have."""
    found = []
    for name in TITLES:
        own = {method: select(runs, name, method) for method in METHODS}
        own = {method: each for method, each in own.items() if each}
        if "sher" in own and len(own) > 1:
            end = common_end([run for each in own.values() for run in each])
            found.append(Task(name, end, {method: [cut(run, end) for run in each] for method, each in own.items()}))
    return found


def speed(task: Task) -> Finding:
    """Steps until two evaluations in a row have half of the best method's last success."""
    steps, grid = on_one_grid(task.all())
    values = _by_method(task, grid)
    best = max(float(np.mean([curve[-1] for curve in curves])) for curves in values.values())
    if best < LEARNED:
        return Finding(TITLES[task.name], OPEN, f"No method has {LEARNED:g} at {task.end:,} steps")
    reached = {method: [_first(steps, curve, best / 2) for curve in curves] for method, curves in values.items()}
    words = _numbers(reached, "{:,.0f}", "not reached")
    return _finding(task, reached, f"Steps to {best / 2:.2f}: {words}")


def last_success(task: Task) -> Finding:
    """Success at the last evaluation; more is better."""
    _, grid = on_one_grid(task.all())
    values = {method: [-float(curve[-1]) for curve in curves] for method, curves in _by_method(task, grid).items()}
    words = _numbers({method: [-value for value in each] for method, each in values.items()}, "{:.2f}")
    return _finding(task, values, f"Success after {task.end:,} steps: {words}")


def delta(task: Task) -> Finding:
    """δS, as in Table 1."""
    values = {method: [stability(run.rows).delta_s for run in runs] for method, runs in task.runs.items()}
    return _finding(task, values, f"δS: {_numbers(values, '{:.3f}')}")


def alike(runs: Sequence[Run]) -> list[Finding]:
    """Whether SHER's seeds end at most :data:`SIMILAR` apart, on each task that it has runs of."""
    found = []
    for name in TITLES:
        if own := select(runs, name, "sher"):
            last = _last(own, common_end(own))
            close = HOLDS if max(last) - min(last) <= SIMILAR else FAILS
            numbers = f"Success after {common_end(own):,} steps: {_seeds(last, '{:.2f}', '–')}"
            found.append(Finding(TITLES[name], close if len(own) >= SEEDS else OPEN, numbers))
    return found


def order(groups: Mapping[str, list[Run]]) -> list[Finding]:
    """Whether the last success of each group is better than that of the next, where both have runs."""
    end = min((run.end for each in groups.values() for run in each), default=0)
    last = {name: _last(runs, end) for name, runs in groups.items()}
    found = []
    for better, worse in pairwise(last):
        if last[better] and last[worse]:
            verdict = compare([-value for value in last[better]], [[-value for value in last[worse]]])
            numbers = _numbers({better: last[better], worse: last[worse]}, "{:.2f}")
            found.append(Finding(f"{better} above {worse}", verdict, f"Success after {end:,} steps: {numbers}"))
    return found


def _last(runs: Sequence[Run], end: int) -> list[float]:
    return [cut(run, end).rows[-1]["test_success"] for run in runs]


def _by_method(task: Task, grid: Sequence[Array]) -> dict[str, list[Array]]:
    rest = iter(grid)
    return {method: [next(rest) for _ in runs] for method, runs in task.runs.items()}


def _first(steps: Sequence[int], curve: Array, level: float) -> float:
    both = np.minimum(curve[:-1], curve[1:]) >= level
    return steps[int(both.argmax()) + 1] if both.any() else math.inf


def _finding(task: Task, values: Mapping[str, Sequence[float]], numbers: str) -> Finding:
    rivals = [values.get(method, []) for method in RIVALS]
    return Finding(TITLES[task.name], compare(values["sher"], rivals), numbers)


def _numbers(values: Mapping[str, Sequence[float]], form: str, never: str = "–") -> str:
    """Each method with a number for each seed."""
    return "; ".join(f"{METHODS.get(name, name)} {_seeds(each, form, never)}" for name, each in values.items())


def _seeds(values: Sequence[float], form: str, never: str) -> str:
    """A number for each seed; one ``never`` where no seed has one."""
    if not any(map(math.isfinite, values)):
        return never
    return ", ".join(form.format(value) if math.isfinite(value) else never for value in values)
