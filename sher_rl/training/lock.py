"""One process at a time in a run's folder."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sher_rl.errors import UsageError

_LOG = logging.getLogger(__name__)


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold a run's folder against every other process.

    What is locked is an empty file in it, ``.lock``, which stays. The kernel lets go of it when the process dies,
    however it dies, and those that it forked.

    Raises:
        UsageError: another process holds it, or the folder cannot be written.
    """
    try:
        file = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise UsageError(f"run folder {str(folder)!r} cannot be locked ({error.strerror}).") from error
    try:
        _lock(file, folder)
        yield
    finally:
        os.close(file)


def _lock(file: int, folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(
            f"run folder {str(folder)!r} is in use by another process; wait until that has ended."
        ) from error
    except OSError as error:  # a file system without locks
        _LOG.warning("Run folder %s cannot be locked (%s); start no second process on it.", folder, error.strerror)
