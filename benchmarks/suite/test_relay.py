"""What a relay, and noise on goals, add to a batch of HindsightRelabel; medians, measured in turns."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torchrl.data import LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer
from torchrl.envs import Compose

from benchmarks.suite.test_relabel import in_turns, reward_fn, seconds, steps
from sher_rl import HindsightRelabel, RelayGoals, SubTask

FILL, ROUNDS = 10_000, 300
REACH = SubTask(part=slice(0, 3), target=slice(0, 3), distance=0.03)


def make_buffer(*, relay: bool = False, goal_noise: float = 0.0) -> ReplayBuffer:
    storage = LazyTensorStorage(FILL)
    relabel = HindsightRelabel(reward_fn, storage, goal_noise=goal_noise)
    transforms = [relabel, RelayGoals(REACH, storage)] if relay else [relabel]
    buffer = TensorDictReplayBuffer(storage=storage, transform=Compose(*transforms))
    buffer.extend(steps(FILL))
    return buffer


@pytest.mark.parametrize("batch_size", [256, 1024])
@pytest.mark.parametrize("more", [{"relay": True}, {"goal_noise": 0.002}], ids=lambda more: next(iter(more)))
def test_sample(benchmark: BenchmarkFixture, more: dict, batch_size: int) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    group = f"sample {batch_size} with {next(iter(more))}"
    rivals = {"hindsight alone": partial(seconds, make_buffer())}
    in_turns(benchmark, group, make_buffer(**more), rivals, batch_size, ROUNDS)
    torch.set_num_threads(threads)
