"""How long this process has been running."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_IMPORTED = time.monotonic()
_STOPS: list[float] = []
"""Seconds of each stop that :func:`pausable` saw."""


def process_seconds() -> float:
    """Seconds since this process started; where /proc does not tell, since this module was imported.

    Stops that :func:`pausable` saw do not count. What SIGSTOP stops from outside counts.
    """
    return _seconds_since_start() - sum(_STOPS)


@contextmanager
def pausable() -> Iterator[None]:
    """Let SIGTSTP, which Ctrl-Z sends, stop the process until SIGCONT, and leave that time out of process_seconds.

    What the process ignores stays ignored. Outside the main thread, which alone receives signals, nothing changes.
    """
    usual = signal.getsignal(signal.SIGTSTP)
    if threading.current_thread() is not threading.main_thread() or usual == signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGTSTP, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, usual or signal.SIG_DFL)


def _stop(number: int, frame: FrameType | None) -> None:
    begin = _seconds_since_start()
    signal.raise_signal(signal.SIGSTOP)  # every thread; returns once the process goes on
    _STOPS.append(_seconds_since_start() - begin)


def _seconds_since_start() -> float:
    try:
        started = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return time.monotonic() - _IMPORTED
