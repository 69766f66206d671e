"""Samplers on FetchPush-shaped transitions, and the uniform sampler in turns with each; medians of seconds.

pytest benchmarks/suite/test_sampler.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from tensordict import TensorDict
from torchrl.data import LazyTensorStorage, RandomSampler, TensorDictReplayBuffer

from sher_rl import CHERSampler, HindsightRelabel, goal_reward

FILL, LENGTH, BATCH, ROUNDS = 100_000, 50, 256, 300
REWARD = goal_reward("FetchPush-v4")


def transitions(n: int) -> TensorDict:
    """Episodes of 50 steps whose goal wanders from a place of its own, as the object of FetchPush."""
    episodes, end = n // LENGTH, torch.arange(n) % LENGTH == LENGTH - 1
    path = torch.rand(episodes, 1, 3) * 0.3 + (0.01 * torch.randn(episodes, LENGTH + 1, 3)).cumsum(1)
    desired, observation = torch.rand(episodes, 1, 3).expand(-1, LENGTH, -1) * 0.3, torch.rand(n + 1, 25)
    desired = desired.reshape(n, 3)
    now = {"observation": observation[:-1], "achieved_goal": path[:, :-1].reshape(n, 3), "desired_goal": desired}
    then = {"observation": observation[1:], "achieved_goal": path[:, 1:].reshape(n, 3), "desired_goal": desired}
    ends = {"done": end.unsqueeze(-1), "terminated": torch.zeros(n, 1, dtype=torch.bool)}
    return TensorDict({**now, "action": torch.rand(n, 4), "next": {**then, **ends, "reward": -torch.ones(n, 1)}}, [n])


@pytest.fixture(scope="module")
def buffer() -> Iterator[TensorDictReplayBuffer]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    storage = LazyTensorStorage(FILL)
    filled = TensorDictReplayBuffer(storage=storage, transform=HindsightRelabel(REWARD, storage, k=4))
    filled.extend(transitions(FILL))
    yield filled
    torch.set_num_threads(threads)


def in_turns(benchmark: BenchmarkFixture, group: str, ours: Callable[[], Any], uniform: Callable[[], Any]) -> None:
    """Benchmark ours, and note the median of the uniform sampler, of which each round has one."""
    times: list[float] = []

    def rival() -> None:
        start = time.perf_counter()
        uniform()
        times.append(time.perf_counter() - start)

    benchmark.group = group
    benchmark.pedantic(ours, setup=rival, rounds=ROUNDS, warmup_rounds=10)
    benchmark.extra_info.update(subject="ours", rivals={"uniform": statistics.median(times[10:])})


@pytest.mark.parametrize("options", [{}, {"selection": "greedy"}, {"num_neighbors": 5}], ids=str)
def test_cher_chooses_a_batch(benchmark: BenchmarkFixture, buffer: TensorDictReplayBuffer, options: dict) -> None:
    """The sampler's share alone: 256 of 512."""
    cher, uniform, storage = CHERSampler(buffer._transform[0], **options), RandomSampler(), buffer.storage
    group = f"CHER chooses {BATCH} of {2 * BATCH} {options or ''}"
    in_turns(benchmark, group, lambda: cher.sample(storage, BATCH), lambda: uniform.sample(storage, BATCH))


@pytest.mark.parametrize("batches", [1, 16])
def test_cher_reads_batches(benchmark: BenchmarkFixture, buffer: TensorDictReplayBuffer, batches: int) -> None:
    """Batches as a learner gets them, relabelled, of one request."""
    cher = CHERSampler(buffer._transform[0], batch_size=BATCH)

    def sample(sampler: CHERSampler | RandomSampler) -> TensorDict:
        buffer.set_sampler(sampler)
        return buffer.sample(batches * BATCH)

    uniform = RandomSampler()
    in_turns(benchmark, f"CHER reads {batches} x {BATCH}", lambda: sample(cher), lambda: sample(uniform))
