"""What a relay, and options of HindsightRelabel, add to a batch of it; medians, measured in turns."""

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


MORE = {
    "relay": {"relay": True},
    "goal_noise": {"goal_noise": 0.002},
    "next": {"strategy": {"future": 0.6, "next": 0.2, "real": 0.2}},
    "min_motion": {"min_motion": 0.01},
}


def make_buffer(*, relay: bool = False, **options) -> ReplayBuffer:
    storage = LazyTensorStorage(FILL)
    relabel = HindsightRelabel(reward_fn, storage, **options)
    transforms = [relabel, RelayGoals(REACH, storage)] if relay else [relabel]
    buffer = TensorDictReplayBuffer(storage=storage, transform=Compose(*transforms))
    buffer.extend(steps(FILL))
    return buffer


@pytest.mark.parametrize("batch_size", [256, 1024])
@pytest.mark.parametrize("more", MORE)
def test_sample(benchmark: BenchmarkFixture, more: str, batch_size: int) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    group = f"sample {batch_size} with {more}"
    rivals = {"hindsight alone": partial(seconds, make_buffer())}
    in_turns(benchmark, group, make_buffer(**MORE[more]), rivals, batch_size, ROUNDS)
    torch.set_num_threads(threads)
