"""Signals that ask a process to stop, noted instead of obeyed at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INSISTENT = (signal.SIGTERM, signal.SIGINT)
"""From somebody who may insist: the second of a kind acts as usual."""
WARNINGS = (signal.SIGHUP, signal.SIGXCPU, signal.SIGUSR1)
"""Of a closed terminal, of processor time that is used up, of a job's end that is near; they come again and again."""


@contextmanager
def noted_signals() -> Iterator[list[signal.Signals]]:
    """Yield a list that :data:`INSISTENT` and :data:`WARNINGS` are noted in.

    What the process ignores, such as SIGHUP after ``nohup``, stays ignored; a warning that was noted is ignored from
    then on, so that the next one does not kill what is ending. Outside the main thread, which alone receives signals,
    the list stays empty.

    >>> with noted_signals() as noted:
    ...     signal.raise_signal(signal.SIGTERM)
    ...     [number.name for number in noted]
    ['SIGTERM']
    """
    noted: list[signal.Signals] = []
    in_main = threading.current_thread() is threading.main_thread()
    found = {number: signal.getsignal(number) for number in (*INSISTENT, *WARNINGS) if in_main}
    usual = {number: handler or signal.SIG_DFL for number, handler in found.items() if handler != signal.SIG_IGN}

    def note(number: int, _: FrameType | None) -> None:
        kind = signal.Signals(number)
        noted.append(kind)
        if kind in INSISTENT:
            signal.signal(kind, usual[kind])

    for kind in usual:
        signal.signal(kind, note)
    try:
        yield noted
    finally:
        for kind, handler in usual.items():
            signal.signal(kind, signal.SIG_IGN if kind in WARNINGS and kind in noted else handler)
