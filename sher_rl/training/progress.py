"""The counters of a run, and where they are shown and written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from torchrl.record.loggers import Logger

from sher_rl.report.progress_csv import COLUMNS, read_progress
from sher_rl.training.clock import process_seconds
from sher_rl.training.csv_file import CsvFile
from sher_rl.training.interval import Interval
from sher_rl.training.loggers import log_film, log_row
from sher_rl.training.progress_bar import ProgressBar
from sher_rl.training.rounds import Rounds

COUNTERS = ("frames", "updates", "rows", "last_row")


class Progress:
    """Count frames, updates and successes; show them on a bar; write a csv row for each evaluation.

    Args:
        folder: the run's folder; rows are added to its ``progress.csv``.
        total_frames: length of the bar.
        logger: gets each row as the csv has it, and one of each round of updates, from
            :func:`~sher_rl.training.loggers.open_logger`; closed with this.
        quiet: show neither bar nor lines, but for warnings.
    """

    def __init__(self, folder: Path, total_frames: int, logger: Logger | None = None, *, quiet: bool = False) -> None:
        self.frames = 0
        self.updates = 0
        self.rows = 0
        self.last_row = 0
        self._seconds_before = 0.0
        self._interval = Interval()
        self._csv = CsvFile(folder / "progress.csv")
        self._bar = ProgressBar(total_frames, quiet=quiet)
        self._logger = logger
        self._rounds = Rounds(logger) if logger else None

    def state_dict(self) -> dict[str, Any]:
        """Counters, what the next row sums up, and the csv so far."""
        return {
            **{name: getattr(self, name) for name in COUNTERS},
            "seconds": self.seconds,
            **self._interval.state_dict(),
            "csv": self._csv.text(),
            "rounds": self._rounds.state_dict() if self._rounds else [],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from saved counters; the csv is what it was."""
        for name in COUNTERS:
            setattr(self, name, int(state[name]))
        self._seconds_before = float(state["seconds"])
        self._interval = Interval.of(state)
        self._csv.restore(state["csv"])
        self._bar.start_at(self.frames)
        if self._rounds:
            self._rounds.load_state_dict(state.get("rounds", []))  # which version 0.1.0 did not keep
        if self._logger and state["csv"]:
            for row in read_progress(self._csv.path):
                log_row(self._logger, row)

    def start_over(self) -> None:
        """Drop the rows of a run that was killed before its first checkpoint."""
        self._csv.delete()

    @property
    def seconds(self) -> float:
        """Seconds since the process started, plus those of the run it resumes."""
        return self._seconds_before + process_seconds()

    def collected(self, frames: int, successes: Tensor) -> None:
        """Count new frames and the successes of the episodes that ended in them."""
        self.frames += frames
        self._interval.successes.append(successes)
        if self._rounds:
            self._rounds.collected(successes)
        self._bar.advance(frames)

    def updated(self, statistics: Mapping[str, Tensor]) -> None:
        """Count a gradient step and keep its statistics for the next row."""
        self.updates += 1
        self._interval.add(statistics)
        if self._rounds:
            self._rounds.updated(statistics)

    def end_round(self) -> None:
        """Refresh the numbers behind the bar, and log those of the round."""
        if self._rounds:
            self._rounds.end(self.frames, self.updates)
        self._bar.show(self._interval)

    def row(self, test_successes: Tensor, greedy_successes: Tensor | None = None, **more: float) -> dict[str, float]:
        """Write one row for an evaluation, start the next interval, and return the row.

        Args:
            test_successes: of the deterministic policy on test seeds, ``(episodes,)``.
            greedy_successes: of the same policy on goals of training, likewise; None or empty leaves the cells empty.
            **more: of :data:`~sher_rl.report.progress_csv.MORE_COLUMNS`, the same in each row of a run.
        """
        row = {
            "frames": self.frames,
            "updates": self.updates,
            "seconds": round(self.seconds, 2),
            "train_success": self._interval.success(),
            "test_success": test_successes.mean().item(),
            "train_episodes": self._interval.episodes(),
            "test_episodes": len(test_successes),
            **self._interval.summary(),
        }
        if greedy_successes is not None and len(greedy_successes):
            row["train_success_greedy"] = greedy_successes.mean().item()
            row["train_greedy_episodes"] = len(greedy_successes)
        self._csv.add(row | more, [*COLUMNS, *more])
        if self._logger:
            log_row(self._logger, read_progress(self._csv.path)[-1])
        self.rows += 1
        self.last_row = self.frames
        self._bar.tested(row["test_success"], self._interval, self.frames)
        self._interval = Interval()
        return row | more

    def filmed(self, film: Path) -> None:
        """Give the film of this evaluation to the logger."""
        if self._logger:
            log_film(self._logger, film, self.frames)

    def note(self, text: str) -> None:
        """Print a line above the bar, unless quiet."""
        self._bar.note(text)

    def warn(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.warn(text)

    def close(self) -> None:
        """Leave the bar as it stands, and close the logger."""
        self._bar.close()
        if self._logger:
            self._logger.close()
