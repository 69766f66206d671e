"""Collection against EnvPool, whose Fetch and Hand tasks are C++ since version 1.2: skipped where it is not installed.

pip install envpool
python -m pytest benchmarks/suite/test_collect_envpool.py -m '' -s

The two take turns, round by round, on the same number of threads. ``alone`` is random actions into ``step``: of
gymnasium's arrays there, of ours through TorchRL. ``actor`` is the 3x256 actor of ``test_collect.py`` on float32
tensors. The ratio is ours to EnvPool's steps a second, the median of the rounds' ratios.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torchrl.envs.utils import ExplorationType, set_exploration_type

from benchmarks.suite.test_collect import STEPS, TASKS, THREADS, actor, cases, measure, ours, roll, start

KEYS = ("observation", "desired_goal")
ROUNDS = 7


class EnvPool:
    """EnvPool's copies of a task, rolled out for as many steps as ours."""

    def __init__(self, env_id: str, num_envs: int, policy: Callable | None) -> None:
        envpool = pytest.importorskip("envpool")
        self.env: Any = envpool.make_gymnasium(env_id, num_envs=num_envs, num_threads=THREADS, seed=0)
        self.policy = policy
        self.shape = (num_envs, *self.env.action_space.shape)

    def seconds(self) -> float:
        """Of one round, without its resets."""
        draw = np.random.default_rng(0)
        observation, _ = self.env.reset()
        begin = time.perf_counter()
        for _ in range(STEPS):
            observation, *_ = self.env.step(self._act(observation, draw))
        return time.perf_counter() - begin

    def _act(self, observation: dict[str, np.ndarray], draw: np.random.Generator) -> np.ndarray:
        if self.policy is None:
            return draw.uniform(-1, 1, self.shape).astype(np.float32)
        state = {key: torch.from_numpy(observation[key]).float() for key in KEYS}
        with torch.no_grad(), set_exploration_type(ExplorationType.RANDOM):
            return self.policy(**state).numpy()


@pytest.fixture(autouse=True)
def _one_torch_thread() -> None:
    torch.set_num_threads(1)


@cases(
    ("task", "num_envs", "drive"),
    ("push", 16, "alone"),
    values=product(TASKS, [1, 4, 16, 64], ["alone", "actor"]),
)
def test_collect_envpool(benchmark: BenchmarkFixture, task: str, num_envs: int, drive: str) -> None:
    policy = actor(TASKS[task]) if drive == "actor" else None
    rival = EnvPool(TASKS[task], num_envs, policy)
    env, times = ours(TASKS[task], num_envs), []

    def turn() -> tuple[tuple, dict]:
        times.append(rival.seconds())
        return start(env)

    group = f"collect {task}, {num_envs} environments, {drive}, EnvPool"
    measure(benchmark, group, "ours", lambda tensordict: roll(env, policy, tensordict), env, turn, rounds=ROUNDS)
    ratio = float(np.median(np.divide(times[1:], benchmark.stats.stats.data)))
    rate = round(num_envs * STEPS / float(np.median(times[1:])))
    benchmark.extra_info.update(rivals={"envpool": float(np.median(times[1:]))}, ratio=round(ratio, 3))
    print(f"\n{group}: {benchmark.extra_info['steps/s']:,} steps/s, EnvPool {rate:,}: ours is {ratio:.3f} of it")
