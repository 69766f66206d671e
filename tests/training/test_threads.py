import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch
from helpers.batches import DIMS, random_batch
from helpers.small import small_config

from sher_rl import FusedLearner, SoftMultiGoalLoss, make_networks
from sher_rl.processor import torch_threads
from sher_rl.training.threads import CROWDED, PATIENCE, RoundThreads, one_torch_thread, round_threads


@pytest.fixture
def two_threads() -> Iterator[None]:
    with torch_threads(2):
        yield


def test_torch_has_its_threads_again_afterwards(two_threads: None) -> None:
    with suppress(ZeroDivisionError), one_torch_thread():
        assert torch.get_num_threads() == 1
        raise ZeroDivisionError
    assert torch.get_num_threads() == 2


def test_two_threads_that_have_one_core_between_them_become_one() -> None:
    threads = RoundThreads(2, lambda: True)
    threads.choose(seconds=10.0, core_seconds=9.0)  # the round that compiles
    threads.choose(seconds=1.0, core_seconds=1.7)
    threads.choose(seconds=2.0, core_seconds=2.0)
    assert threads.threads == 2
    threads.choose(seconds=2.0, core_seconds=2.3)
    assert threads.threads == 1


def test_one_thread_becomes_two_again_after_a_while() -> None:
    threads = RoundThreads(2, lambda: True)
    for _ in range(CROWDED):
        threads.choose(1.0, 1.0)
    for _ in range(PATIENCE - 1):
        threads.choose(1.0, 1.0)
    assert threads.threads == 1
    threads.choose(1.0, 1.0)
    assert threads.threads == 2
    for _ in range(PATIENCE):
        threads.choose(1.0, 1.7)
    assert threads.threads == 2


def test_nothing_changes_where_results_would() -> None:
    asked = []
    threads = RoundThreads(2, lambda: bool(asked.append(1)))
    for _ in range(10):
        threads.choose(1.0, 1.0)
    assert (threads.threads, len(asked)) == (2, 1)


@contextmanager
def busy_cores() -> Iterator[None]:
    """Keep each core busy with a process of its own."""
    command = [sys.executable, "-c", "print(flush=True)\nwhile True: pass"]
    busy = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in os.sched_getaffinity(0)]
    try:
        for process in busy:
            process.stdout.readline()
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="tells cores by Linux's call")
def test_rounds_beside_busy_processes_have_one_thread(two_threads: None) -> None:
    matrix = torch.randn(256, 256)
    threads = RoundThreads(2, lambda: True)
    with busy_cores():
        for _ in range(CROWDED):
            with threads.round():
                until = time.monotonic() + 0.3
                while time.monotonic() < until:
                    matrix @ matrix
    assert threads.threads == 1
    with threads.round():
        assert torch.get_num_threads() == 1


@pytest.mark.parametrize(("options", "chosen"), [({}, True), ({"num_threads": 2}, False), ({"ray": "local"}, False)])
def test_threads_are_chosen_where_their_number_was_not_given(
    two_threads: None, tmp_path: Path, options: dict, chosen: bool
) -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9)
    learner = FusedLearner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9, compile=False)
    learner.step(random_batch(64))
    threads = round_threads(small_config(tmp_path, **options), learner)
    for _ in range(CROWDED):
        threads.choose(1.0, 1.0)
    assert threads.threads == (1 if chosen else 2)
