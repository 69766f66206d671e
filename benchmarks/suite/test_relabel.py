"""Sampling with HindsightRelabel, without it, and from the rivals; medians, measured in turns.

pytest benchmarks/suite/test_relabel.py            # with -m "" at all fills
PEERS_PYTHON=peers/bin/python pytest benchmarks/suite/test_relabel.py   # with stable-baselines3
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import HERReplayBuffer, LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer

from benchmarks.peers.peers import Worker
from sher_rl import HindsightRelabel

LENGTH, ROUNDS, ROUNDS_AFTER_WRITE = 50, 300, 60
FILLS = (10_000, 100_000, 1_000_000, 3_000_000)
QUICK = (10_000, 1_000_000)
PEERS_PYTHON = os.environ.get("PEERS_PYTHON")


def reward_fn(achieved: Tensor, desired: Tensor) -> Tensor:
    return -(torch.linalg.vector_norm(achieved - desired, dim=-1, keepdim=True) > 0.05).float()


def reward_of_rows(rows: TensorDict) -> Tensor:
    return reward_fn(rows["next", "achieved_goal"], rows["desired_goal"])


def steps(n: int) -> TensorDict:
    """Episodes of 50 steps with the keys that a collector yields."""
    achieved, observation, desired = torch.rand(n + 1, 3), torch.rand(n + 1, 10), torch.rand(n, 3)
    end = (torch.arange(n) % LENGTH == LENGTH - 1).unsqueeze(-1)
    ends = {"done": end, "truncated": end, "terminated": torch.zeros_like(end)}
    now = {"observation": observation[:-1], "achieved_goal": achieved[:-1], "desired_goal": desired}
    then = {"observation": observation[1:], "achieved_goal": achieved[1:], "desired_goal": desired}
    none = {key: torch.zeros_like(end) for key in ends}
    rows = {**now, **none, "action": torch.rand(n, 4), "next": {**then, **ends, "reward": -torch.ones(n, 1)}}
    return TensorDict(rows, [n])


def make_buffers(fill: int) -> dict[str, ReplayBuffer]:
    storages = [LazyTensorStorage(fill + LENGTH * 2 * (ROUNDS_AFTER_WRITE + 10)) for _ in range(3)]
    buffers = {
        "plain": TensorDictReplayBuffer(storage=storages[0]),
        "ours": TensorDictReplayBuffer(storage=storages[1], transform=HindsightRelabel(reward_fn, storages[1])),
        "HERReplayBuffer": HERReplayBuffer(reward_of_rows, storage=storages[2]),
    }
    for start in range(0, fill, 100_000):
        for buffer in buffers.values():
            buffer.extend(steps(min(100_000, fill - start)))
    return buffers


@pytest.fixture(
    scope="module",
    params=[pytest.param(fill, marks=[] if fill in QUICK else pytest.mark.slow) for fill in FILLS],
    ids="{:.0e}".format,
)
def filled(request: pytest.FixtureRequest) -> Iterator[tuple[int, dict[str, ReplayBuffer]]]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield request.param, make_buffers(request.param)
    torch.set_num_threads(threads)
    gc.collect()


def seconds(buffer: ReplayBuffer, batch_size: int) -> float:
    start = time.perf_counter()
    buffer.sample(batch_size)
    return time.perf_counter() - start


def in_turns(
    benchmark: BenchmarkFixture,
    group: str,
    ours: ReplayBuffer,
    rivals: dict[str, Callable[[int], float]],
    batch_size: int,
    rounds: int,
    write: Callable[[], object] = lambda: None,
) -> None:
    """Benchmark samples of ours, and note the others' median seconds; each round has one of each, after a write."""
    benchmark.group = group
    times: dict[str, list[float]] = {name: [] for name in rivals}

    def turns() -> None:
        write()
        for name, rival in rivals.items():
            times[name].append(rival(batch_size))

    benchmark.pedantic(ours.sample, (batch_size,), setup=turns, rounds=rounds, warmup_rounds=10)
    medians = {name: statistics.median(measured[10:]) for name, measured in times.items()}
    benchmark.extra_info.update(subject="ours", rivals=medians)


def others(buffers: dict[str, ReplayBuffer]) -> dict[str, Callable[[int], float]]:
    return {name: partial(seconds, buffer) for name, buffer in buffers.items() if name != "ours"}


@pytest.mark.parametrize("batch_size", [256, 1024])
def test_sample(benchmark: BenchmarkFixture, filled: tuple[int, dict[str, ReplayBuffer]], batch_size: int) -> None:
    fill, buffers = filled
    in_turns(benchmark, f"sample {batch_size} of {fill:.0e}", buffers["ours"], others(buffers), batch_size, ROUNDS)


@pytest.mark.parametrize("batch_size", [256, 1024])
def test_first_sample_after_a_write(
    benchmark: BenchmarkFixture, filled: tuple[int, dict[str, ReplayBuffer]], batch_size: int
) -> None:
    fill, buffers = filled
    episode = steps(LENGTH)
    group, rounds = f"first sample {batch_size} of {fill:.0e} after a write", ROUNDS_AFTER_WRITE

    def write() -> None:
        for buffer in buffers.values():
            buffer.extend(episode)

    in_turns(benchmark, group, buffers["ours"], others(buffers), batch_size, rounds, write)


@pytest.mark.skipif(PEERS_PYTHON is None, reason="PEERS_PYTHON names no interpreter with stable-baselines3")
@pytest.mark.parametrize("batch_size", [256, 1024])
def test_against_stable_baselines3(
    benchmark: BenchmarkFixture, filled: tuple[int, dict[str, ReplayBuffer]], batch_size: int
) -> None:
    """The two alone, each in a process of its own that wakes up for its turn, which both pay."""
    fill, buffers = filled
    worker = Worker(str(PEERS_PYTHON), "sb3_her.py", str(fill))
    group, rivals = f"sample {batch_size} of {fill:.0e}, in two processes", {"stable-baselines3": worker.seconds}
    in_turns(benchmark, group, buffers["ours"], rivals, batch_size, ROUNDS)
    worker.close()


def test_bytes_of_a_transition():
    """The annotation's cost in memory, stated in the documentation."""
    storages = [LazyTensorStorage(1_000) for _ in range(2)]
    buffers = [
        TensorDictReplayBuffer(storage=storages[0]),
        TensorDictReplayBuffer(storage=storages[1], transform=HindsightRelabel(reward_fn, storages[1])),
    ]
    for buffer in buffers:
        buffer.extend(steps(1_000))
    plain, ours = (buffer.storage._storage.bytes() // 1_000 for buffer in buffers)
    print(f"\nbytes of a transition: {plain} plain, {ours} with the annotation")
    assert ours - plain == 12
