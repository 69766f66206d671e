"""Torch's threads, kept out of the way of the environments' threads and of other processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property

import torch

from sher_rl.learners.autograd import Learner
from sher_rl.learners.fused.learner import FusedLearner
from sher_rl.processor import torch_threads
from sher_rl.training.config import RunConfig

WORTH = 1.2
"""Cores that several threads have to get between them to be worth more than one."""
CROWDED = 2
"""Rounds in a row with less than that, after which one thread takes the gradient steps."""
PATIENCE = 50
"""Rounds with one thread, after which all have another try."""


def use_threads(num_threads: int | None) -> None:
    """Let torch compute with as many threads from now on; None changes nothing."""
    if num_threads is not None:
        torch.set_num_threads(num_threads)


def one_torch_thread() -> AbstractContextManager[None]:
    """Use one thread for torch's operations meanwhile.

    Small operations between the steps of threaded environments lose by a second thread: after each of them it
    waits for more work on a core that the physics need.

    >>> with one_torch_thread():
    ...     torch.get_num_threads()
    1
    """
    return torch_threads(1)


class RoundThreads:
    """How many threads of torch a round of gradient steps has: all, or one while other processes take the cores.

    Threads wait for each other at the end of each product. So where something else keeps one of two cores busy, one
    thread is twice as fast as two. It shows in the time that the process gets: two threads then have one core between
    them. The first round compiles on one core, so one such round does not tell.

    Args:
        threads: all of them.
        same: whether results are the same to the bit with one; asked before the first change.
    """

    def __init__(self, threads: int, same: Callable[[], bool]) -> None:
        self.threads = threads
        self._all = threads
        self._same = same
        self._rounds = 0

    @contextmanager
    def round(self) -> Iterator[None]:
        """Have these threads for a round, and choose those of the next."""
        began = time.monotonic()
        used = time.process_time()
        with torch_threads(self.threads):
            yield
        self.choose(time.monotonic() - began, time.process_time() - used)

    def choose(self, seconds: float, core_seconds: float) -> None:
        """Choose the threads of the next round.

        Args:
            seconds: that the last round took.
            core_seconds: that the process had on all cores meanwhile.
        """
        alone = self.threads < self._all
        counts = alone or core_seconds < WORTH * seconds
        self._rounds = self._rounds + 1 if counts else 0
        if alone and self._rounds == PATIENCE:
            self._begin(self._all)
        elif not alone and self._rounds == CROWDED and self._may_change:
            self._begin(1)

    def _begin(self, threads: int) -> None:
        self.threads = threads
        self._rounds = 0

    @cached_property
    def _may_change(self) -> bool:
        return self._all > 1 and self._same()


def round_threads(config: RunConfig, learner: FusedLearner | Learner) -> RoundThreads:
    """Threads of a run's gradient steps: those of torch now, and fixed where their number was given.

    Fixed, too, on a cluster, where a learner that waits for batches has little time on its core in any case.
    """
    threads = torch.get_num_threads()
    if config.num_threads is not None or config.ray or not isinstance(learner, FusedLearner):
        return RoundThreads(threads, _no)
    return RoundThreads(threads, learner.same_on_one_thread)


def _no() -> bool:
    return False
