"""Signals that ask a process to stop, noted instead of obeyed at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def noted_signals() -> Iterator[list[signal.Signals]]:
    """Yield a list that SIGTERM and SIGINT are noted in; the second signal of a kind acts as usual.

    Outside the main thread, which alone receives signals, the list stays empty.

    >>> with noted_signals() as noted:
    ...     signal.raise_signal(signal.SIGTERM)
    ...     [number.name for number in noted]
    ['SIGTERM']
    """
    noted: list[signal.Signals] = []
    usual: dict[signal.Signals, Any] = {}

    def note(number: int, _: FrameType | None) -> None:
        noted.append(signal.Signals(number))
        signal.signal(number, usual[signal.Signals(number)])

    if threading.current_thread() is threading.main_thread():
        usual = {number: signal.getsignal(number) or signal.SIG_DFL for number in (signal.SIGTERM, signal.SIGINT)}
        for number in usual:
            signal.signal(number, note)
    try:
        yield noted
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
