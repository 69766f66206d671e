"""Rounds of gradient steps beside a process that is always busy: threads chosen as training does, against two."""

from __future__ import annotations

import statistics
import time
from contextlib import closing

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.peers.peers import Neighbour
from benchmarks.suite.subjects import SHAPES, Updates, fused_updates
from sher_rl.training.threads import CROWDED, RoundThreads

ROUNDS = 12
BATCHES = {"push": 256, "egg": 1024}


@pytest.mark.skipif(torch.get_num_threads() != 2, reason="two threads beside one busy process are for two cores")
@pytest.mark.parametrize("shape", BATCHES)
def test_rounds_beside_a_busy_process(benchmark: BenchmarkFixture, shape: str) -> None:
    torch.manual_seed(0)
    run = fused_updates(SHAPES[shape], BATCHES[shape])
    chosen, both = RoundThreads(2, lambda: True), RoundThreads(2, lambda: False)
    seconds(run, both)
    alone = statistics.median(seconds(run, both) for _ in range(ROUNDS))
    benchmark.group = f"20 updates of {BATCHES[shape]} beside a busy process, {shape}"
    with closing(Neighbour()) as neighbour, neighbour.busy():
        for _ in range(CROWDED + 1):  # the last one compiles for one thread
            seconds(run, chosen)
        theirs = [seconds(run, both) for _ in range(ROUNDS)]
        benchmark.pedantic(seconds, (run, chosen), rounds=ROUNDS)
    benchmark.extra_info["subject"] = "ours"
    benchmark.extra_info["rivals"] = {"two threads": statistics.median(theirs), "alone, with two": alone}


def seconds(run: Updates, threads: RoundThreads) -> float:
    """Of a round of 20 gradient steps."""
    began = time.perf_counter()
    with threads.round():
        run(20)
    return time.perf_counter() - began
