"""Runs that stop for a while, so that something else has the machine to itself, and go on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from sher_rl.errors import UsageError

PATIENCE = 120.0
"""Seconds that a run may take until it stops; it imports torch before it listens."""
_CALM = 1.0
"""Seconds between two looks; a plan that has just ended a run begins the next within one."""


def pause(folder: Path, patience: float = PATIENCE) -> list[str]:
    """Stop every run of a folder by SIGTSTP, and return their names when none computes any more.

    They keep their memory and their locks, and lose nothing. Seconds do not count meanwhile, see
    :func:`~sher_rl.training.clock.pausable`.

    Args:
        folder: of run folders, as ``tools/reproduce.py`` makes it.
        patience: seconds after which it is an error that one still computes.

    Raises:
        UsageError: one still computes.
    """
    asked: set[int] = set()
    end = time.monotonic() + patience
    calm = False
    while True:
        runs = processes(folder)
        busy = {process: name for process, name in runs.items() if _state(process) not in ("T", "")}
        if not busy and calm:
            return sorted({*runs.values()})
        if time.monotonic() > end:
            raise UsageError(f"{_named(busy)} did not stop within {patience:g} s; the others wait for --go-on.")
        for process in busy.keys() - asked:
            if number := _what_stops(process, runs, busy):
                _send(process, number)
                asked.add(process)
        time.sleep(0.1 if busy else _CALM)
        calm = not busy


def go_on(folder: Path) -> list[str]:
    """Let every run of a folder that was stopped go on; returns their names."""
    stopped = {process: name for process, name in processes(folder).items() if _state(process) == "T"}
    for process in stopped:
        _send(process, signal.SIGCONT)
    return sorted({*stopped.values()})


def processes(folder: Path) -> dict[int, str]:
    """Runs of a folder that live on this machine, by the number of their process.

    These are the processes that hold a run's lock, or, as long as they only import, that print into a run's log; and
    the helpers that they have started, which print there, too.
    """
    locks = {_identity(path): path.parent.name for path in folder.glob("*/.lock")}
    logs = {_identity(path): path.stem for path in folder.glob("*.log")}
    found: dict[int, str] = {}
    for process, descriptor, file in _open_files():
        if name := locks.get(file) or (logs.get(file) if descriptor == 1 else None):
            found[process] = name
    found.pop(os.getpid(), None)
    return found


def _open_files() -> Iterator[tuple[int, int, tuple[int, int]]]:
    """Process, descriptor and identity of every open file that this user may see."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # closed meanwhile, or of another user
            status = link.stat()
            yield int(link.parts[2]), int(link.name), (status.st_dev, status.st_ino)


def _identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino


def _what_stops(process: int, runs: Mapping[int, str], busy: Mapping[int, str]) -> signal.Signals | None:
    """The signal that stops a process: a run one that its clock sees, a helper any, after the run; None, not yet."""
    parent = int(_status(process)[1])
    if parent in runs:
        return None if parent in busy else signal.SIGSTOP
    return signal.SIGTSTP if _listens(process) else None


def _state(process: int) -> str:
    """``T`` of a process that is stopped; nothing of one that has ended."""
    return _status(process)[0]


def _status(process: int) -> list[str]:
    """State and parent, among others; of one that has ended no state and no parent."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return ["", "0"]


def _listens(process: int) -> bool:
    """Whether a process has a handler for SIGTSTP, which without one may be lost, or stop it unnoticed."""
    with suppress(OSError):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        caught = next(line for line in lines if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) >> (signal.SIGTSTP - 1) & 1)
    return False


def _send(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)


def _named(runs: Mapping[int, str]) -> str:
    return ", ".join(f"{name} (process {process})" for process, name in sorted(runs.items()))
