"""What is shown to whoever looks on: nothing of it ends a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


def say(text: str) -> None:
    """Print a text; letters that the output has not are escaped, and where it is gone nothing is shown.

    >>> say("mean δS")
    mean δS
    """
    encoding = sys.stdout.encoding or "utf-8"
    with unless_gone():
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


@contextmanager
def unless_gone() -> Iterator[None]:
    """Go on where the terminal was closed, the reader of a pipe has ended or the disk under a log is full.

    From then on, what is written to that output goes nowhere.
    """
    try:
        yield
    except OSError:
        for stream in (sys.stdout, sys.stderr):
            _let_go_if_gone(stream)


def _let_go_if_gone(stream: TextIO) -> None:
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
