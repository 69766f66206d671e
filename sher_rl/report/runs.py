"""Runs as reports see them: rows of a csv file, and the task, method and seed that its name tells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from sher_rl.errors import UsageError
from sher_rl.report.machine import machine
from sher_rl.report.progress_csv import read_progress
from sher_rl.tasks import RECORDS
from sher_rl.untrusted import shown

Rows = list[dict[str, float]]
TITLES = {task.name: task.title for task in RECORDS}
"""What a task is called in tables and pictures."""
METHODS = {"sher": "SHER", "her": "HER", "cher": "CHER"}
"""The paper's methods."""
SEEDS = 3
"""Seeds that each method of a task shall have."""
_NAME = re.compile(r"(?P<task>[a-z_]+)-(?P<variant>[a-z]+(-parts|-bare|-a[\d.]+)?)-s(?P<seed>\d+)(-\d{8}-\d{6})?")


class Run(NamedTuple):
    """One run of one seed."""

    task: str
    variant: str
    """The method, and what is not the recipe's: ``sher``, a temperature, ``sher-a0.05``, or parts, ``her-parts``."""
    seed: int
    rows: Rows
    machine: str = ""
    """What it ran on, from :func:`~sher_rl.report.machine.machine`; nothing if no file tells."""

    @property
    def end(self) -> int:
        """Environment steps at its last evaluation."""
        return int(self.rows[-1]["frames"])


def label(path: Path) -> str:
    """What a run is called, its folder, or its csv file if that is not in one; as tables and pictures can show it."""
    if path.is_dir():
        return shown(path.name)
    return shown(path.absolute().parent.name if path.name == "progress.csv" else path.stem)


def progress_file(path: Path) -> Path:
    """The csv file of a run folder, or a csv file itself."""
    return path / "progress.csv" if path.is_dir() else path


def read_rows(path: Path) -> Rows:
    """Rows of a run folder or a csv file.

    Raises:
        UsageError: there are none.
    """
    rows = read_progress(progress_file(path))
    if not rows:
        raise UsageError(f"{str(path)!r} has no evaluation yet.")
    return rows


def read_run(path: Path) -> Run:
    """Read a run called ``<task>-<method>-s<seed>``, or with ``-a<alpha>``, ``-parts`` or ``-bare`` after the method.

    Raises:
        UsageError: it is called otherwise, or has no row.
    """
    match = _NAME.fullmatch(label(path))
    if match is None or match["task"] not in TITLES:
        raise UsageError(f"run {label(path)!r} is of no known task and seed; call it like fetch_push-sher-s0.")
    return Run(match["task"], match["variant"], int(match["seed"]), read_rows(path), machine(path))


def read_runs(paths: Iterable[Path]) -> list[Run]:
    """Read runs, in the order of their seeds.

    Raises:
        UsageError: as :func:`read_run`; or a task, method and seed come twice.
    """
    runs: dict[tuple, Run] = {}
    for path in paths:
        run = read_run(path)
        if run[:3] in runs:
            raise UsageError(f"run {str(path)!r} is given twice, or there are two of its task, method and seed.")
        runs[run[:3]] = run
    return sorted(runs.values(), key=lambda run: run.seed)


def select(runs: Sequence[Run], task: str, variant: str) -> list[Run]:
    """The runs of one curve, or of one cell of a table."""
    return [run for run in runs if (run.task, run.variant) == (task, variant)]


def gaps(runs: Sequence[Run], task: str, variant: str) -> list[str]:
    """What one curve lacks: all of it, seeds, or the last part of what others of ``runs`` have of its task.

    A hundredth is no part: methods round their steps up to whole batches, each to its own.
    """
    own = select(runs, task, variant)
    if not own:
        return ["no run"]
    end = max(run.end for run in runs if run.task == task)
    short: dict[int, list[int]] = {}
    for run in own:
        if run.end < 0.99 * end:
            short.setdefault(run.end, []).append(run.seed)
    words = [f"only {_seeds([run.seed for run in own])}"] if len(own) < SEEDS else []
    return words + [f"{_seeds(seeds)} up to {at:,} of {end:,} steps" for at, seeds in short.items()]


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
