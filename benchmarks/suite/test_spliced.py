"""What splicing adds to a batch of HindsightRelabel and to a write, whatever the buffer holds; medians, in turns."""

from __future__ import annotations

import statistics
import time
from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torchrl.data import LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer
from torchrl.envs import Compose

from benchmarks.suite.test_relabel import in_turns, reward_fn, seconds, steps
from sher_rl import HindsightRelabel, SplicedGoals

ROUNDS = 300
CELL = 0.1
"""Of goals in a cube of edge 1: about 1,000 cells, and a meeting in each."""


def make_buffer(fill: int, *, spliced: bool) -> ReplayBuffer:
    storage = LazyTensorStorage(fill)
    relabel = HindsightRelabel(reward_fn, storage, k=0)
    transforms = [relabel, SplicedGoals(relabel, cell=CELL)] if spliced else [relabel]
    buffer = TensorDictReplayBuffer(storage=storage, transform=Compose(*transforms))
    for _ in range(0, fill, 1_000):
        buffer.extend(steps(1_000))
    return buffer


@pytest.mark.parametrize("batch_size", [256, 1024])
@pytest.mark.parametrize("fill", [10_000, 100_000], ids="{:.0e}".format)
def test_sample(benchmark: BenchmarkFixture, fill: int, batch_size: int) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    group = f"sample {batch_size} with spliced goals from {fill:.0e}"
    rivals = {"hindsight alone": partial(seconds, make_buffer(fill, spliced=False))}
    in_turns(benchmark, group, make_buffer(fill, spliced=True), rivals, batch_size, ROUNDS)
    torch.set_num_threads(threads)


def test_write(benchmark: BenchmarkFixture) -> None:
    """A write of 16 episodes into a full ring of 100,000."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    plain, ours = make_buffer(100_000, spliced=False), make_buffer(100_000, spliced=True)
    rows = steps(800)
    times: list[float] = []

    def turn() -> None:
        start = time.perf_counter()
        plain.extend(rows)
        times.append(time.perf_counter() - start)

    benchmark.group = "write 800 with spliced goals"
    benchmark.pedantic(ours.extend, (rows,), setup=turn, rounds=100, warmup_rounds=10)
    benchmark.extra_info.update(subject="ours", rivals={"hindsight alone": statistics.median(times[10:])})
    torch.set_num_threads(threads)
