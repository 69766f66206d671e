"""What demonstrations cost: mixed into a batch of HindsightRelabel, and cloned in a gradient step; medians."""

from __future__ import annotations

import statistics
import time
from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torchrl.data import LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer
from torchrl.envs import Compose

from benchmarks.suite.subjects import SHAPES, MakeLoss, filled_buffer, make_ddpg_loss, make_loss
from benchmarks.suite.test_relabel import in_turns, reward_fn, seconds, steps
from sher_rl import FusedLearner, HindsightRelabel, MixDemonstrations, QFilteredCloning, fast_dtype

ROUNDS = 300


def make_buffer(rows: int, *more: MixDemonstrations) -> ReplayBuffer:
    storage = LazyTensorStorage(rows)
    relabel = HindsightRelabel(reward_fn, storage)
    buffer = TensorDictReplayBuffer(storage=storage, transform=Compose(relabel, *more))
    buffer.extend(steps(rows))
    return buffer


@pytest.mark.parametrize("shown", [1_000, 100_000])
@pytest.mark.parametrize("batch_size", [256, 1024])
def test_sample(benchmark: BenchmarkFixture, batch_size: int, shown: int) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    mixed = make_buffer(10_000, MixDemonstrations(make_buffer(shown)))
    group = f"sample {batch_size} with {shown} steps of demonstrations"
    in_turns(benchmark, group, mixed, {"hindsight alone": partial(seconds, make_buffer(10_000))}, batch_size, ROUNDS)
    torch.set_num_threads(threads)


@pytest.mark.parametrize("make_loss", [make_loss, make_ddpg_loss], ids=["SHER", "HER"])
def test_step_that_clones(benchmark: BenchmarkFixture, make_loss: MakeLoss) -> None:
    torch.manual_seed(0)
    plain = make_loss(SHAPES["push"])
    loss = make_loss(SHAPES["push"])
    rates = {"actor_lr": 1e-3, "critic_lr": 1e-3, "polyak": 0.99, "dtype": fast_dtype()}
    cloning = FusedLearner(loss, **rates, terms=[QFilteredCloning(loss, weight=1.0)])
    batch = filled_buffer(SHAPES["push"]).sample(256)
    batch["demonstration"] = torch.arange(256) % 2 == 0
    rival = FusedLearner(plain, **rates)
    times: list[float] = []

    def turn() -> None:
        start = time.perf_counter()
        rival.step(batch)
        times.append(time.perf_counter() - start)

    benchmark.group = f"a step that clones, {type(loss).__name__}, batch 256"
    benchmark.pedantic(cloning.step, (batch,), setup=turn, rounds=ROUNDS, warmup_rounds=10)
    benchmark.extra_info.update(subject="ours", rivals={"without cloning": statistics.median(times[10:])})
