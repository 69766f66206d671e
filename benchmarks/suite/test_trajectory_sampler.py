"""EBP, CDP and MEP: sampling in turns with uniform sampling of the same buffer, and what a fit takes.

pytest benchmarks/suite/test_trajectory_sampler.py
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Iterator

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import LazyTensorStorage, RandomSampler, TensorDictReplayBuffer

from sher_rl import CDPSampler, EBPSampler, HindsightRelabel, MEPSampler

TRAJECTORIES, ROUNDS, ROUNDS_AFTER_WRITE = 20_000, 300, 60
SAMPLERS = (EBPSampler, CDPSampler, MEPSampler)


def reward_fn(achieved: Tensor, desired: Tensor) -> Tensor:
    return -(torch.linalg.vector_norm(achieved - desired, dim=-1, keepdim=True) > 0.05).float()


def trajectories(count: int, length: int, goal: int, observation: int, action: int) -> TensorDict:
    """Episodes ``[count * length]`` of goals that walk, in two of three episodes."""
    moves = torch.randn(count, length + 1, goal) * 0.02 * (torch.rand(count, 1, 1) < 2 / 3)
    moves[:, 0] = torch.randn(count, goal) * 0.1
    path = moves.cumsum(1)
    now, then = path[:, :-1].flatten(0, 1), path[:, 1:].flatten(0, 1)
    n = count * length
    desired, seen = torch.rand(n, goal), torch.rand(n, observation)
    end = (torch.arange(n) % length == length - 1).unsqueeze(-1)
    rows = {"observation": seen, "achieved_goal": now, "desired_goal": desired, "action": torch.rand(n, action)}
    after = {"observation": seen, "achieved_goal": then, "desired_goal": desired, "reward": -torch.ones(n, 1)}
    return TensorDict(rows | {"next": after | {"done": end, "terminated": end & False}}, [n])


def filled(length: int, *sizes: int) -> TensorDictReplayBuffer:
    storage = LazyTensorStorage(TRAJECTORIES * length)
    buffer = TensorDictReplayBuffer(storage=storage, transform=HindsightRelabel(reward_fn, storage))
    for _ in range(0, TRAJECTORIES, 1_000):
        buffer.extend(trajectories(1_000, length, *sizes))
    return buffer


@pytest.fixture(scope="module")
def fetch() -> Iterator[TensorDictReplayBuffer]:
    yield filled(50, 3, 25, 4)
    gc.collect()


@pytest.fixture(scope="module")
def hand() -> Iterator[TensorDictReplayBuffer]:
    yield filled(100, 7, 1, 1)
    gc.collect()


def ready(buffer: TensorDictReplayBuffer, kind: type) -> EBPSampler | CDPSampler | MEPSampler:
    """A sampler of what the buffer holds, fitted if that is its way."""
    sampler = kind()
    buffer.set_sampler(sampler)
    buffer.sample(1)
    if kind is not EBPSampler:
        assert sampler.refit(buffer.storage, force=True)
    return sampler


@pytest.mark.parametrize("written", [0, 16], ids=["", "after a write"])
@pytest.mark.parametrize("batch_size", [256, 2048])
@pytest.mark.parametrize("kind", SAMPLERS, ids=lambda kind: kind.__name__)
def test_sample(
    benchmark: BenchmarkFixture, fetch: TensorDictReplayBuffer, kind: type, batch_size: int, written: int
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    sampler, uniform = ready(fetch, kind), RandomSampler()
    episodes = trajectories(16, 50, 3, 25, 4)
    benchmark.group = f"{kind.__name__}, {batch_size}" + (", first sample after 800 rows" if written else "")
    times: list[float] = []

    def rival() -> None:
        if written:
            fetch.extend(episodes)  # while ours is set, which has to take them in
        fetch.set_sampler(uniform)
        start = time.perf_counter()
        fetch.sample(batch_size)
        times.append(time.perf_counter() - start)
        fetch.set_sampler(sampler)

    rounds = ROUNDS_AFTER_WRITE if written else ROUNDS
    benchmark.pedantic(fetch.sample, (batch_size,), setup=rival, rounds=rounds, warmup_rounds=10)
    benchmark.extra_info.update(subject="ours", rivals={"uniform": statistics.median(times[10:])})
    torch.set_num_threads(threads)


@pytest.mark.parametrize("task", ["fetch", "hand"])
def test_refit(benchmark: BenchmarkFixture, request: pytest.FixtureRequest, task: str) -> None:
    buffer = request.getfixturevalue(task)
    sampler = ready(buffer, MEPSampler)
    benchmark.group = f"refit with 20,000 trajectories of a {task} task"
    benchmark.extra_info.update(subject="ours")
    assert benchmark.pedantic(sampler.refit, (buffer.storage,), {"force": True}, rounds=3)
