"""What happened since the last evaluation, for the next row of the csv."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor

from sher_rl.report.progress_csv import COLUMNS

REDUCE = {"q_min": torch.min, "q_max": torch.max}
"""How the statistics of many gradient steps become one number; the others by their mean."""


class Interval:
    """Successes of training's episodes and statistics of gradient steps between two evaluations.

    >>> interval = Interval()
    >>> interval.successes.append(torch.tensor([1.0, 0.0]))
    >>> interval.add({"q_min": torch.tensor(-3.0)})
    >>> interval.add({"q_min": torch.tensor(-1.0)})
    >>> interval.success(), interval.episodes(), interval.summary()
    (0.5, 2, {'q_min': -3.0})
    """

    def __init__(self) -> None:
        self.successes: list[Tensor] = []
        self.statistics: dict[str, list[Tensor]] = defaultdict(list)
        self._begin = time.monotonic()
        self._steps = 0

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Self:
        """Interval of a :meth:`state_dict`.

        Raises:
            ValueError: it is of something else.
        """
        if not all(isinstance(values, Tensor) for values in (state["train"], *state["statistics"].values())):
            raise ValueError("successes or statistics are no tensors")
        if not {*state["statistics"]} <= {*COLUMNS}:
            raise ValueError("there are statistics that no csv has")
        interval = cls()
        interval.successes.append(state["train"])
        for name, values in state["statistics"].items():
            interval.statistics[name].extend(values)
        return interval

    def state_dict(self) -> dict[str, Any]:
        """What the interval has so far."""
        statistics = {name: torch.stack(values) for name, values in self.statistics.items() if values}
        return {"train": self._all_successes(), "statistics": statistics}

    def add(self, statistics: Mapping[str, Tensor]) -> None:
        """Take in what a gradient step says of itself, as far as a csv has a column for it."""
        self._steps += 1
        for name, value in statistics.items():
            if name in COLUMNS:
                self.statistics[name].append(value)

    def success(self) -> float:
        """Success rate of training's episodes; NaN before the first one ends."""
        return self._all_successes().mean().item()

    def episodes(self) -> int:
        """Number of training's episodes."""
        return sum(map(len, self.successes))

    def summary(self) -> dict[str, float]:
        """One number for each statistic; see :data:`REDUCE`."""
        return {
            name: REDUCE.get(name, torch.mean)(torch.stack(values)).item()
            for name, values in self.statistics.items()
            if values
        }

    def latest(self, name: str) -> Tensor | None:
        """A statistic of the last gradient step; None if it has none of that name."""
        values = self.statistics.get(name)
        return values[-1] if values else None

    def updates_per_second(self) -> float:
        """Gradient steps a second since the interval began."""
        return self._steps / max(time.monotonic() - self._begin, 1e-9)

    def _all_successes(self) -> Tensor:
        return torch.cat([torch.empty(0), *self.successes])
