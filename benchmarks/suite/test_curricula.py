"""What proposed goals cost: a proposal, an iteration of Goal GAN, and a step of an environment; medians, in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from tensordict import TensorDict
from torchrl.data import LazyTensorStorage
from torchrl.envs import EnvBase, TransformedEnv

from sher_rl import GoalGAN, GoalProposal, PointMass, ProposeGoals, RareGoals, UniformGoals

DIMS, FILL, GOALS = 4, 100_000, 20
LOW, HIGH = [-5.0] * DIMS, [5.0] * DIMS


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def achieved() -> LazyTensorStorage:
    storage = LazyTensorStorage(FILL)
    storage.set(range(FILL), TensorDict({"next": {"achieved_goal": torch.randn(FILL, DIMS)}}, [FILL]))
    return storage


def in_turns(benchmark: BenchmarkFixture, group: str, ours: Callable, rivals: dict[str, Callable], rounds: int) -> None:
    benchmark.group = group
    times: dict[str, list[float]] = {name: [] for name in rivals}

    def turns() -> None:
        for name, rival in rivals.items():
            start = time.perf_counter()
            rival()
            times[name].append(time.perf_counter() - start)

    benchmark.pedantic(ours, setup=turns, rounds=rounds, warmup_rounds=3)
    medians = {name: statistics.median(measured) for name, measured in times.items()}
    benchmark.extra_info.update(subject="ours", rivals=medians)


@pytest.mark.parametrize("kind", [RareGoals, GoalGAN], ids=lambda kind: kind.__name__)
def test_propose(benchmark: BenchmarkFixture, kind: type) -> None:
    proposal: GoalProposal = RareGoals(achieved()) if kind is RareGoals else GoalGAN(LOW, HIGH, achieved())
    own = torch.zeros(GOALS, DIMS)
    proposal.propose(own)  # the first trains the GAN
    uniform = UniformGoals(LOW, HIGH)
    group = f"propose {GOALS} goals, {kind.__name__}"
    in_turns(benchmark, group, lambda: proposal.propose(own), {"UniformGoals": lambda: uniform.propose(own)}, 50)


def test_iteration(benchmark: BenchmarkFixture) -> None:
    """Labels, 100 steps of both networks, and a new pool; nothing else does the same, so there is no ratio."""
    proposal = GoalGAN(LOW, HIGH, achieved(), pool=60, attempts=2)
    proposal.propose(torch.zeros(GOALS, DIMS))

    def iteration() -> None:
        goals = proposal.propose(torch.zeros(60, DIMS))
        for share in (0.5, 1.0):
            proposal.learn(goals, torch.arange(60) < share * 60)

    in_turns(benchmark, "an iteration of GoalGAN, 60 goals", iteration, {}, 20)


def stepper(env: EnvBase) -> Callable[[], TensorDict]:
    state = env.reset()
    return lambda: env.step(env.rand_action(state.clone()))


def test_step(benchmark: BenchmarkFixture) -> None:
    base = PointMass(DIMS, GOALS)
    transform = ProposeGoals(UniformGoals(LOW, HIGH), base.reward_fn, terminated_fn=base.met)
    ours = stepper(TransformedEnv(base, transform))
    rivals = {"without proposals": stepper(PointMass(DIMS, GOALS))}
    in_turns(benchmark, f"step {GOALS} point masses with ProposeGoals", ours, rivals, 300)
