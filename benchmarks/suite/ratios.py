"""Ratios of a pytest-benchmark JSON, rival's median to ours."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple


class Ratio(NamedTuple):
    """One rival in one group of measurements; medians in seconds."""

    group: str
    rival: str
    ours: float
    theirs: float

    @property
    def name(self) -> str:
        """The group and the rival."""
        return f"{self.group} | {self.rival}"

    @property
    def value(self) -> float:
        """How many times as fast ours is."""
        return self.theirs / self.ours


def read_ratios(path: Path) -> list[Ratio]:
    """Ratios of all groups: ``ours`` against the other subjects, and against what was measured in turns with it."""
    groups: dict[str, dict[str, float]] = defaultdict(dict)
    for entry in json.loads(path.read_text())["benchmarks"]:
        info = entry["extra_info"]
        groups[entry["group"]] |= {info["subject"]: entry["stats"]["median"]} | info.get("rivals", {})
    return [
        Ratio(group, rival, medians["ours"], median)
        for group, medians in groups.items()
        for rival, median in medians.items()
        if rival != "ours"
    ]


def read_tests(path: Path, names: Collection[str]) -> list[str]:
    """The tests, as pytest calls them, of the groups that these ratios are of."""
    groups = {ratio.group for ratio in read_ratios(path) if ratio.name in names}
    return [entry["fullname"] for entry in json.loads(path.read_text())["benchmarks"] if entry["group"] in groups]
