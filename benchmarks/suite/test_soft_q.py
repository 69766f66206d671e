"""One gradient step of soft Q-learning: the discrete loss against that of DQN, the continuous one against SAC's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from tensordict import TensorDict
from torchrl.modules import MLP, QValueActor
from torchrl.objectives import DQNLoss, LossModule

from benchmarks.suite.test_objective import gradient_step, random_batch, torchrl_v2
from sher_rl import DiscreteSoftQLoss, GoalDims, SoftQLoss, make_soft_q_networks

DIMS = GoalDims(25, 3, 4)
ACTIONS, ROUNDS = 15, 50


def q_of_actions() -> QValueActor:
    return QValueActor(MLP(28, ACTIONS, num_cells=[256]), in_keys=["observation"], action_space="categorical")


def discrete_soft_q() -> LossModule:
    return DiscreteSoftQLoss(q_of_actions(), alpha=0.1, gamma=0.98, action_space="categorical")


def dqn() -> LossModule:
    loss = DQNLoss(q_of_actions(), action_space="categorical")
    loss.make_value_estimator(gamma=0.98)
    return loss


def soft_q(draws: int) -> LossModule:
    networks = make_soft_q_networks(DIMS)
    return SoftQLoss(*networks, alpha=0.05, gamma=0.98, value_samples=draws, particles=draws)


def discrete_batch(rows: int) -> TensorDict:
    batch = random_batch(GoalDims(28, 1, 1), rows)
    return batch.set("action", torch.randint(ACTIONS, (rows,)))


def in_turns(benchmark: BenchmarkFixture, ours: Callable, name: str, rival: Callable) -> None:
    times: list[float] = []

    def turn() -> None:
        start = time.perf_counter()
        rival()
        times.append(time.perf_counter() - start)

    benchmark.pedantic(ours, setup=turn, rounds=ROUNDS, warmup_rounds=10)
    benchmark.extra_info.update(subject="ours", rivals={name: statistics.median(times[10:])})


@pytest.mark.parametrize("rows", [256, 1024])
def test_discrete_step(benchmark: BenchmarkFixture, rows: int) -> None:
    torch.manual_seed(0)
    batch = discrete_batch(rows)
    benchmark.group = f"gradient step, discrete soft Q, batch {rows}"
    in_turns(benchmark, gradient_step(discrete_soft_q(), batch), "DQNLoss", gradient_step(dqn(), batch.clone()))


@pytest.mark.parametrize("draws", [16, 32])
def test_continuous_step(benchmark: BenchmarkFixture, draws: int) -> None:
    torch.manual_seed(0)
    batch = random_batch(DIMS, 256)
    benchmark.group = f"gradient step, soft Q of {draws} draws, push, batch 256"
    in_turns(benchmark, gradient_step(soft_q(draws), batch), "SACLoss", gradient_step(torchrl_v2(DIMS), batch))
