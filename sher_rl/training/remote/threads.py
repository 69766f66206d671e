"""How many threads each process of a cluster has."""

from __future__ import annotations

from typing import NamedTuple

import torch

from sher_rl.envs.threads import cores
from sher_rl.training.config import RunConfig
from sher_rl.training.remote.cluster import LOCAL


class Threads(NamedTuple):
    """How many threads the processes of a cluster on this machine have."""

    learner: int
    """That torch computes with."""
    collector: int
    """That step the environments, in each process that collects."""


def shared_out(processors: int, collectors: int) -> Threads:
    """Threads that are busy at the same time on a processor each, as far as there are processors.

    One collector takes turns with the learner, so both have all. Several collect while the learner learns: they share
    what is left beside it and the replay buffer, and the learner has the remainder.

    >>> shared_out(64, collectors=1)
    Threads(learner=64, collector=64)
    >>> shared_out(64, collectors=4)
    Threads(learner=3, collector=15)
    """
    if collectors == 1:
        return Threads(processors, processors)
    each = max(1, (processors - 2) // collectors)
    return Threads(max(1, processors - 1 - collectors * each), each)


def threads_of(config: RunConfig) -> Threads:
    """``num_threads`` of each process. Without it, what this machine has; on another cluster one for each collector."""
    if config.num_threads is not None:
        return Threads(config.num_threads, config.num_threads)
    if config.ray != LOCAL:
        return Threads(torch.get_num_threads(), 1)
    threads = shared_out(cores(), config.actors)
    return threads._replace(learner=min(threads.learner, torch.get_num_threads()))
