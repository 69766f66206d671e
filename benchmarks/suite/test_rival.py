"""What meetings with a rival add to a batch of HindsightRelabel; medians, measured in turns."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torchrl.data import LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer
from torchrl.envs import Compose

from benchmarks.suite.test_relabel import in_turns, reward_fn, seconds, steps
from sher_rl import HindsightRelabel, RivalRewards, meeting_bonus, meeting_penalty
from sher_rl.replay.rival import Exchange

FILL, ROUNDS = 10_000, 300
EXCHANGES = {"penalty": meeting_penalty, "bonus": meeting_bonus}


def make_buffer(batch_size: int, exchange: Exchange | None = None) -> ReplayBuffer:
    storage = LazyTensorStorage(FILL)
    rival = LazyTensorStorage(FILL)
    TensorDictReplayBuffer(storage=rival).extend(steps(FILL))
    transforms = [HindsightRelabel(reward_fn, storage)]
    if exchange:
        transforms.append(RivalRewards(exchange, rival, distance=0.01, batch_size=batch_size))
    buffer = TensorDictReplayBuffer(storage=storage, transform=Compose(*transforms))
    buffer.extend(steps(FILL))
    return buffer


@pytest.mark.parametrize("batch_size", [256, 1024])
@pytest.mark.parametrize("name", EXCHANGES)
def test_sample(benchmark: BenchmarkFixture, name: str, batch_size: int) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    group = f"sample {batch_size} with a meeting {name}"
    rivals = {"hindsight alone": partial(seconds, make_buffer(batch_size))}
    in_turns(benchmark, group, make_buffer(batch_size, EXCHANGES[name]), rivals, batch_size, ROUNDS)
    torch.set_num_threads(threads)
