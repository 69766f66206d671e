"""What two streams cost: ten updates with each critic against the concatenated one, in turns."""

from __future__ import annotations

import statistics
import time
from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.suite.subjects import SHAPES, fused_updates
from sher_rl import (
    GoalDims,
    SoftMultiGoalLoss,
    make_bilinear_networks,
    make_merged_networks,
    make_networks,
    make_two_stream_networks,
)
from sher_rl.modules.networks import Networks

CRITICS = {"two-stream": make_two_stream_networks, "merged": make_merged_networks, "bilinear": make_bilinear_networks}
UPDATES, ROUNDS, WARM_UP = 10, 15, 2


def loss_of(networks: Networks) -> SoftMultiGoalLoss:
    return SoftMultiGoalLoss(*networks, alpha=0.02, gamma=0.98, clip="hard")


def concatenated_loss(dims: GoalDims) -> SoftMultiGoalLoss:
    return loss_of(make_networks(dims))


def two_stream_loss(dims: GoalDims, critic: str) -> SoftMultiGoalLoss:
    return loss_of(CRITICS[critic](dims))


@pytest.mark.parametrize("critic", CRITICS)
def test_update(benchmark: BenchmarkFixture, critic: str) -> None:
    torch.manual_seed(0)
    concatenated = fused_updates(SHAPES["push"], 256, concatenated_loss)
    ours = fused_updates(SHAPES["push"], 256, partial(two_stream_loss, critic=critic))
    times = []

    def turn() -> None:
        start = time.perf_counter()
        concatenated(UPDATES)
        times.append(time.perf_counter() - start)

    benchmark.group = f"{UPDATES} updates with {critic}, push, batch 256"
    benchmark.pedantic(ours, (UPDATES,), setup=turn, rounds=ROUNDS, warmup_rounds=WARM_UP)
    benchmark.extra_info.update(subject="ours", rivals={"concatenated": statistics.median(times[WARM_UP:])})
