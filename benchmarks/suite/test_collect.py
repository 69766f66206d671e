"""Collection: native environments, TorchRL's own ways to batch gymnasium, and the physics alone.

Every round of a group starts from the same seeds. ``limit`` repeats the MuJoCo calls of gymnasium on its own
environments, with controls recorded from ours and as many threads, each with its own share of the
environments: no actions, no observations, no TensorDict, no waiting for one another. It takes turns with
ours, round by round; ``share`` is the median of the rounds' ratios. ``-s`` prints it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from typing import Any

import mujoco
import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torchrl.envs import EnvBase, GymEnv, GymWrapper, ParallelEnv
from torchrl.envs.utils import ExplorationType, set_exploration_type

from sher_rl import GoalDims, make_env, make_networks, make_policy
from sher_rl.envs.make_gym import make_gym
from sher_rl.modules.norms import GoalNorm, ObservationNorm

TASKS = {"push": "FetchPush-v4", "reach": "HandReach-v3", "egg": "HandManipulateEgg-v1"}
STEPS, ROUNDS = 50, 21
THREADS = len(os.sched_getaffinity(0))


@pytest.fixture(autouse=True)
def _one_torch_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def ours(env_id: str, num_envs: int) -> EnvBase:
    return make_env(env_id, num_envs, num_threads=THREADS)


def parallel_env(env_id: str, num_envs: int) -> EnvBase:
    return ParallelEnv(num_envs, lambda: GymWrapper(make_gym(env_id)))


def vector_env(env_id: str, num_envs: int) -> EnvBase:
    return GymEnv(f"gymnasium_robotics:{env_id}", num_envs=num_envs)


def actor(env_id: str) -> Callable:
    spaces = make_gym(env_id).observation_space.spaces
    dims = GoalDims(spaces["observation"].shape[0], spaces["desired_goal"].shape[0], 4 if "Fetch" in env_id else 20)
    torch.manual_seed(1)
    return make_policy(ObservationNorm(dims.observation), GoalNorm(dims.goal), make_networks(dims)[0])


def start(env: EnvBase) -> tuple[tuple, dict]:
    env.set_seed(0)
    torch.manual_seed(0)
    return (), {"tensordict": env.reset()}


def roll(env: EnvBase, policy: Callable | None, tensordict: Any) -> None:
    with torch.no_grad(), set_exploration_type(ExplorationType.RANDOM):
        env.rollout(STEPS, policy, auto_reset=False, tensordict=tensordict, break_when_any_done=False)


def record(env: EnvBase, policy: Callable | None) -> list[np.ndarray]:
    """Controls of a rollout of ours."""
    rows, controls = [], env._robot.controls
    env._robot.controls = lambda actions: rows.append(controls(actions)) or rows[-1]
    roll(env, policy, **start(env)[1])
    del env._robot.controls
    return rows


class Limit:
    """The physics alone of as many gymnasium environments, from the same seeds."""

    def __init__(self, env_id: str, env: EnvBase, rows: list[np.ndarray]) -> None:
        self.sims = [make_gym(env_id).unwrapped for _ in env._sims]
        self.rows, self.signature = rows, env._robot.signature
        self.pool = ThreadPoolExecutor(THREADS)

    def seconds(self) -> float:
        """Of one round, without its resets."""
        for i, sim in enumerate(self.sims):
            sim.reset(seed=i)
        begin = time.perf_counter()
        list(self.pool.map(self._share, range(THREADS)))
        return time.perf_counter() - begin

    def _share(self, first: int) -> None:
        for row in self.rows:
            for i in range(first, len(self.sims), THREADS):
                sim = self.sims[i]
                mujoco.mj_setState(sim.model, sim.data, row[i], self.signature)
                mujoco.mj_step(sim.model, sim.data, sim.n_substeps)
                if getattr(sim, "block_gripper", False):
                    sim._step_callback()


def measure(
    benchmark: BenchmarkFixture, group: str, subject: str, run: Callable, env: EnvBase, setup: Callable, rounds: int
) -> None:
    benchmark.group = group
    benchmark.extra_info["subject"] = subject
    benchmark.pedantic(run, setup=setup, rounds=rounds, warmup_rounds=1)
    benchmark.extra_info["steps/s"] = round(env.batch_size.numel() * STEPS / benchmark.stats.stats.median)
    env.close(raise_if_closed=False)


def cases(names: Iterable[str], *quick: tuple, values: Iterable[tuple]) -> pytest.MarkDecorator:
    """Parameters of a test; those that are not of ``quick`` are slow."""
    marked = [pytest.param(*value, marks=[] if value in quick else pytest.mark.slow) for value in values]
    return pytest.mark.parametrize(names, marked)


@cases(
    ("task", "num_envs", "drive"),
    ("push", 16, "random"),
    ("push", 16, "actor"),
    values=[*product(TASKS, [1, 4, 16, 64], ["random"]), *product(TASKS, [16], ["actor"])],
)
def test_collect(benchmark: BenchmarkFixture, task: str, num_envs: int, drive: str) -> None:
    env = ours(TASKS[task], num_envs)
    policy = actor(TASKS[task]) if drive == "actor" else None
    limit, times = Limit(TASKS[task], env, record(env, policy)), []

    def turn() -> tuple[tuple, dict]:
        times.append(limit.seconds())
        return start(env)

    group = f"collect {task}, {num_envs} environments, {drive} actions"
    measure(benchmark, group, "ours", partial(roll, env, policy), env, turn, rounds=ROUNDS)
    for sim, reference in zip(env._sims, limit.sims, strict=True):
        np.testing.assert_array_equal(sim.data.qpos, reference.data.qpos)
    share = float(np.median(np.divide(times[1:], benchmark.stats.stats.data)))
    benchmark.extra_info.update(rivals={"limit": float(np.median(times[1:]))}, share=round(share, 3))
    print(f"\n{group}: {benchmark.extra_info['steps/s']:,} steps/s, {share:.3f} of the limit")


@cases(
    ("task", "subject", "num_envs"),
    ("push", parallel_env, 16),
    values=product(TASKS, [parallel_env, vector_env], [1, 4, 16]),
)
def test_collect_rivals(benchmark: BenchmarkFixture, task: str, num_envs: int, subject: Callable) -> None:
    env = subject(TASKS[task], num_envs)
    group = f"collect {task}, {num_envs} environments, random actions"
    measure(benchmark, group, subject.__name__, partial(roll, env, None), env, partial(start, env), rounds=5)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("subject", ["ours", "gym"])
def test_reset(benchmark: BenchmarkFixture, task: str, subject: str) -> None:
    """Sixteen resets: by threads, or one after the other."""
    env = make_env(TASKS[task], 16, backend="native" if subject == "ours" else "gym")
    benchmark.group = f"reset {task}, 16 environments"
    benchmark.extra_info["subject"] = subject
    benchmark.pedantic(env.reset, rounds=9, warmup_rounds=1)
    env.close()
