"""A run's folder, its progress.csv and its progress bar."""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchrl.record.loggers import Logger
from tqdm import tqdm

from sher_rl.errors import UsageError
from sher_rl.files import new_folder, replace_file
from sher_rl.functional.poses import POSE_COLUMNS
from sher_rl.training.config import RunConfig
from sher_rl.training.loggers import check_logger, log_row

COLUMNS = (
    "frames updates seconds train_success test_success train_episodes test_episodes q_mean v_mean alpha entropy "
    "loss_qvalue loss_value loss_actor loss_alpha grad_norm q_min q_max train_success_greedy train_greedy_episodes"
).split()
"""Columns of every run; where goals are poses, those of :data:`~sher_rl.functional.poses.POSE_COLUMNS` follow."""
_NEEDED = COLUMNS[:7]
_EXACT = (*"frames updates seconds".split(), *(name for name in COLUMNS if name.endswith("_episodes")))
_PACKAGES = "sher-rl torch torchrl tensordict numpy gymnasium gymnasium-robotics mujoco".split()
_IMPORTED = time.monotonic()


def make_run_folder(config: RunConfig) -> Path:
    """Create the run's folder with its ``config.json`` and ``versions.json``, or leave nothing.

    Raises:
        UsageError: the folder cannot be written, or something is in it; or the logger's package is missing.
    """
    check_logger(config.logger)
    name = config.run_name or f"{config.task}-{config.method}-s{config.seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = config.out_dir / name
    try:
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"run folder {str(folder)!r} is not empty; choose another --run-name or --out-dir.")
        with new_folder(folder) as part:
            config.save(part / "config.json")
            replace_file(part / "versions.json", (json.dumps(versions(), indent=2) + "\n").encode())
    except OSError as error:
        raise UsageError(f"run folder {str(folder)!r} cannot be written ({error.strerror}).") from error
    return folder


def versions() -> dict[str, str | int | None]:
    """What this process runs on: versions of packages, Python, platform, processor and torch's threads."""
    machine = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "cpus": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
    }
    return {package: version(package) for package in _PACKAGES} | machine


def processor() -> str:
    """The processor's name, and the instructions that torch uses of it.

    >>> processor().endswith(("AVX512", "AVX512, AMX", "AVX2", "DEFAULT", "NO AVX"))
    True
    """
    amx = ", AMX" if torch.cpu.get_capabilities().get("amx_tile", False) else ""
    return f"{_processor_name()}, {torch.backends.cpu.get_cpu_capability()}{amx}"


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


class Progress:
    """Count frames, updates and successes; show them on a bar; write a csv row for each evaluation.

    Args:
        folder: the run's folder; rows are added to its ``progress.csv``.
        total_frames: length of the bar.
        logger: gets each row as the csv has it, from :func:`~sher_rl.training.loggers.open_logger`; closed with this.
    """

    def __init__(self, folder: Path, total_frames: int, logger: Logger | None = None) -> None:
        self.frames = self.updates = self.rows = self.last_row = 0
        self._seconds_before = 0.0
        self._clear()
        self._path = folder / "progress.csv"
        self._bar = tqdm(total=total_frames, unit="frame", unit_scale=True, dynamic_ncols=True, smoothing=0.1)
        self._shown: dict[str, str] = {}
        self._logger = logger

    def _clear(self) -> None:
        self._train: list[Tensor] = []
        self._statistics: dict[str, list[Tensor]] = defaultdict(list)
        self._since = time.monotonic(), self.updates

    def state_dict(self) -> dict[str, Any]:
        """Counters, what the next row sums up, and the csv so far."""
        return {
            **{name: getattr(self, name) for name in ("frames", "updates", "rows", "last_row", "seconds")},
            "train": torch.cat([torch.empty(0), *self._train]),
            "statistics": {key: torch.stack(values) for key, values in self._statistics.items() if values},
            "csv": self._path.read_bytes().decode() if self._path.exists() else "",
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from saved counters; the csv is what it was."""
        for name in ("frames", "updates", "rows", "last_row"):
            setattr(self, name, int(state[name]))
        self._seconds_before = float(state["seconds"])
        self._clear()
        self._train.append(state["train"])
        for key, values in state["statistics"].items():
            self._statistics[key].extend(values)
        replace_file(self._path, state["csv"].encode())
        self._bar.initial = self._bar.n = self._bar.last_print_n = self.frames  # rate and time left are of what is new
        if self._logger and state["csv"]:
            for row in read_progress(self._path):
                log_row(self._logger, row)

    def start_over(self) -> None:
        """Drop the rows of a run that was killed before its first checkpoint."""
        self._path.unlink(missing_ok=True)

    @property
    def seconds(self) -> float:
        """Seconds since the process started, plus those of the run it resumes."""
        return self._seconds_before + process_seconds()

    def collected(self, frames: int, successes: Tensor) -> None:
        """Count new frames and the successes of the episodes that ended in them."""
        self.frames += frames
        self._train.append(successes)
        self._bar.update(frames)

    def updated(self, statistics: Mapping[str, Tensor]) -> None:
        """Count a gradient step and keep its statistics for the next row."""
        self.updates += 1
        for key, value in statistics.items():
            self._statistics[key].append(value)

    def show(self) -> None:
        """Refresh the numbers behind the bar."""
        start, updates = self._since
        rate = (self.updates - updates) / max(time.monotonic() - start, 1e-9)
        shown = {"upd/s": f"{rate:.0f}", "train": f"{self._train_success():.2f}", **self._shown}
        for key, letter in (("alpha", "α"), ("entropy", "H")):
            if self._statistics[key]:
                shown[letter] = f"{self._statistics[key][-1].item():.3g}"
        self._bar.set_postfix(shown)

    def row(self, test_successes: Tensor, greedy_successes: Tensor | None = None, **more: float) -> None:
        """Write one row for an evaluation, and start the next interval.

        Args:
            test_successes: of the deterministic policy on test seeds, ``(episodes,)``.
            greedy_successes: of the same policy on goals of training, likewise; None or empty leaves the cells empty.
            **more: :data:`~sher_rl.functional.poses.POSE_COLUMNS`, in each row of a run or in none.
        """
        reduce = {"q_min": torch.min, "q_max": torch.max}
        statistics = {
            key: reduce.get(key, torch.mean)(torch.stack(values)).item()
            for key, values in self._statistics.items()
            if values
        }
        row = {
            "frames": self.frames,
            "updates": self.updates,
            "seconds": round(self.seconds, 2),
            "train_success": self._train_success(),
            "test_success": test_successes.mean().item(),
            "train_episodes": sum(map(len, self._train)),
            "test_episodes": len(test_successes),
            **statistics,
        }
        if greedy_successes is not None and len(greedy_successes):
            row["train_success_greedy"] = greedy_successes.mean().item()
            row["train_greedy_episodes"] = len(greedy_successes)
        self._write(row | more, [*COLUMNS, *more])
        if self._logger:
            log_row(self._logger, read_progress(self._path)[-1])
        self.rows, self.last_row = self.rows + 1, self.frames
        self._clear()
        self._shown["test"] = f"{row['test_success']:.2f}"

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.write(text)

    def close(self) -> None:
        """Leave the bar as it stands, and close the logger."""
        self._bar.close()
        if self._logger:
            self._logger.close()

    def _train_success(self) -> float:
        successes = torch.cat(self._train) if self._train else torch.empty(0)
        return successes.mean().item()

    def _write(self, row: Mapping[str, float], columns: Sequence[str]) -> None:
        before = self._path.read_bytes() if self._path.exists() else b""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, restval="")
        if not before:
            writer.writeheader()
        writer.writerow({k: f"{v:.6g}" if k not in _EXACT else v for k, v in row.items()})
        replace_file(self._path, before + text.getvalue().encode())


def read_progress(path: Path) -> list[dict[str, float]]:
    """Rows of a ``progress.csv`` as numbers; an empty cell is NaN, as is each of a column that the file lacks.

    Raises:
        UsageError: there is no such file, or it is no progress.csv.
    """
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            rows, header = list(reader), reader.fieldnames or ()
        names = [*COLUMNS, *(name for name in POSE_COLUMNS if name in header)]
        return [{key: float((row[key] if key in _NEEDED else row.get(key)) or "nan") for key in names} for row in rows]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise UsageError(f"{str(path)!r} is no progress.csv of a run ({error}).") from error


def process_seconds() -> float:
    """Seconds since this process started; where /proc does not tell, since this module was imported."""
    try:
        started = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return time.monotonic() - _IMPORTED
