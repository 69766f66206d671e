"""Torch's threads and the environments' threads, kept out of each other's way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def use_threads(num_threads: int | None) -> None:
    """Let torch compute with as many threads from now on; None changes nothing."""
    if num_threads is not None:
        torch.set_num_threads(num_threads)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Use one thread for torch's operations meanwhile.

    Small operations between the steps of threaded environments lose by a second thread: after each of them it
    waits for more work on a core that the physics need.

    >>> with one_torch_thread():
    ...     torch.get_num_threads()
    1
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
