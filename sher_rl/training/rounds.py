"""The numbers of each round of updates, for a logger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torchrl.record.loggers import Logger

from sher_rl.report.progress_csv import COLUMNS
from sher_rl.training.interval import Interval
from sher_rl.training.loggers import log_row

PREFIX = "round/"
"""Before the names of a round's numbers; an evaluation's have none."""


class Rounds:
    """What happened in each round of a run: training's successes and statistics of the gradient steps.

    A run that is resumed logs them again, so they are kept: a hundred bytes a round, of which a run has thousands.

    Args:
        logger: gets a row a round, with :data:`PREFIX` before the names.
    """

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self._rows: list[dict[str, float]] = []
        self._round = Interval()

    def collected(self, successes: Tensor) -> None:
        """Take in the successes of the episodes that ended in a batch."""
        self._round.successes.append(successes)

    def updated(self, statistics: Mapping[str, Tensor]) -> None:
        """Take in what a gradient step says of itself."""
        self._round.add(statistics)

    def end(self, frames: int, updates: int) -> None:
        """Log the round that ends now, and begin the next."""
        row = {"frames": float(frames), "updates": float(updates), **self._round.summary()}
        if self._round.episodes():
            row["train_success"] = self._round.success()
        self._rows.append(row)
        log_row(self._logger, row, PREFIX)
        self._round = Interval()

    def state_dict(self) -> list[dict[str, float]]:
        """The rounds so far."""
        return [dict(row) for row in self._rows]

    def load_state_dict(self, rows: Sequence[Any]) -> None:
        """Log the rounds of :meth:`state_dict` again, and go on after them.

        Raises:
            ValueError: they are something else.
        """
        if not all(_is_row(row) for row in rows):
            raise ValueError("there is a round of other numbers than a csv has")
        self._rows = [dict(row) for row in rows]
        for row in self._rows:
            log_row(self._logger, row, PREFIX)


def _is_row(row: Any) -> bool:
    return isinstance(row, dict) and {"frames"} <= {*row} <= {*COLUMNS} and {*map(type, row.values())} == {float}
