"""Runs that differ in their seed only, of any task, as one curve and one row of a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sher_rl.report.facts import Facts, compared, read_facts
from sher_rl.report.runs import METHODS, Run, progress_file, read_rows
from sher_rl.report.variants import in_legends, varied
from sher_rl.untrusted import shown


class Group(NamedTuple):
    """Runs of one task and method with the same numbers, in the order of their seeds."""

    title: str
    """What the task is called."""
    name: str
    """The method, and the numbers that tell it from other groups of its task and method."""
    runs: list[Run]


def read_groups(paths: Sequence[Path]) -> list[Group]:
    """Read runs of any task, and put together those that differ in their seed only.

    Args:
        paths: run folders or csv files, see :func:`~sher_rl.report.facts.read_facts`; one that comes twice counts once.

    Returns:
        In the order of their titles and names.

    Raises:
        UsageError: one of them has no row.
    """
    paths = list({progress_file(path).resolve(): path for path in paths}.values())
    facts = [read_facts(path) for path in paths]
    runs = [Run(each.title, each.method, each.seed, read_rows(path)) for each, path in zip(facts, paths, strict=True)]
    together: dict[str, list[int]] = {}
    for i, each in enumerate(facts):
        key = json.dumps([each.title, each.method, compared(each, facts)], sort_keys=True)
        together.setdefault(key, []).append(i)
    groups = []
    for members in together.values():
        first = facts[members[0]]
        own = sorted((runs[i] for i in members), key=lambda run: run.seed)
        groups.append(Group(shown(first.title), shown(_name(first, facts)), own))
    return sorted(groups)


def _name(facts: Facts, others: Sequence[Facts]) -> str:
    """A method, and the numbers in which others of the task and method differ from it."""
    alike = [compared(other, others) for other in others if other[:2] == facts[:2]]
    own = compared(facts, others)
    told = {name: own[name] for name in varied(alike) if name in own}
    return ", ".join(filter(None, (METHODS.get(facts.method, facts.method), in_legends(told))))
