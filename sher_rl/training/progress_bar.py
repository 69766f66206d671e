"""What a run shows while it is under way: a bar on a terminal, and a line for each evaluation elsewhere."""

from __future__ import annotations

import sys

from tqdm import tqdm

from sher_rl.output import say, unless_gone
from sher_rl.training.interval import Interval

LETTERS = {"alpha": "α", "entropy": "H"}


class ProgressBar:
    """Frames on a bar, and behind it what the run is at: updates a second, success rates, temperature and entropy.

    Where nobody looks on, in the log of a job, nothing is drawn over: there is one line for each evaluation.

    Args:
        total_frames: length of the bar.
        quiet: show neither bar nor lines, but for warnings.
    """

    def __init__(self, total_frames: int, *, quiet: bool = False) -> None:
        self._total = total_frames
        self._quiet = quiet
        self._drawn = sys.stderr.isatty() and not quiet
        self._bar = tqdm(
            total=total_frames,
            unit="frame",
            unit_scale=True,
            dynamic_ncols=True,
            smoothing=0.1,
            disable=not self._drawn,
        )
        self._test: dict[str, str] = {}

    def start_at(self, frames: int) -> None:
        """Begin at a frame; rate and time left are of what is new."""
        self._bar.initial = frames
        self._bar.n = frames
        self._bar.last_print_n = frames

    def advance(self, frames: int) -> None:
        """Move by new frames."""
        with unless_gone():
            self._bar.update(frames)

    def tested(self, success: float, interval: Interval, frames: int) -> None:
        """Show the success rate of an evaluation, on the bar from now on or as a line."""
        self._test = {"test": f"{success:.2f}"}
        if not self._drawn:
            shown = ", ".join(f"{name} {value}" for name, value in self._numbers(interval).items())
            self.note(f"{frames:,} of {self._total:,} frames: {shown}")

    def show(self, interval: Interval) -> None:
        """Refresh the numbers behind the bar."""
        with unless_gone():
            self._bar.set_postfix(self._numbers(interval))

    def note(self, text: str) -> None:
        """Print a line above the bar, unless quiet."""
        if not self._quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        """Print a line above the bar."""
        with unless_gone(), tqdm.external_write_mode():
            say(text)

    def close(self) -> None:
        """Leave the bar as it stands."""
        with unless_gone():
            self._bar.close()
            sys.stderr.flush()  # which tells of a closed terminal that tqdm kept quiet about

    def _numbers(self, interval: Interval) -> dict[str, str]:
        shown = {"upd/s": f"{interval.updates_per_second():.0f}", "train": f"{interval.success():.2f}", **self._test}
        for name, letter in LETTERS.items():
            value = interval.latest(name)
            if value is not None:
                shown[letter] = f"{value.item():.3g}"
        return shown
