"""Sampling with HindsightRelabel, without it, and from the rivals; ratios of medians, measured in turns.

pytest benchmarks/test_relabel.py
PEERS_PYTHON=peers/bin/python pytest benchmarks/test_relabel.py   # with stable-baselines3
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import HERReplayBuffer, LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer

from sher_rl import HindsightRelabel

LENGTH, ROUNDS, ROUNDS_AFTER_WRITE = 50, 200, 40
FILLS = (10_000, 100_000, 1_000_000, 3_000_000)
PEERS_PYTHON = os.environ.get("PEERS_PYTHON")


def reward_fn(achieved: Tensor, desired: Tensor) -> Tensor:
    return -(torch.linalg.vector_norm(achieved - desired, dim=-1, keepdim=True) > 0.05).float()


def reward_of_rows(rows: TensorDict) -> Tensor:
    return reward_fn(rows["next", "achieved_goal"], rows["desired_goal"])


def steps(n: int) -> TensorDict:
    """Episodes of 50 steps with the keys that a collector yields."""
    achieved, observation, desired = torch.rand(n + 1, 3), torch.rand(n + 1, 10), torch.rand(n, 3)
    end = (torch.arange(n) % LENGTH == LENGTH - 1).unsqueeze(-1)
    ends = {"done": end, "truncated": end, "terminated": torch.zeros_like(end)}
    now = {"observation": observation[:-1], "achieved_goal": achieved[:-1], "desired_goal": desired}
    then = {"observation": observation[1:], "achieved_goal": achieved[1:], "desired_goal": desired}
    none = {key: torch.zeros_like(end) for key in ends}
    rows = {**now, **none, "action": torch.rand(n, 4), "next": {**then, **ends, "reward": -torch.ones(n, 1)}}
    return TensorDict(rows, [n])


def make_buffers(fill: int) -> dict[str, ReplayBuffer]:
    storages = [LazyTensorStorage(fill + LENGTH * 2 * (ROUNDS_AFTER_WRITE + 5)) for _ in range(3)]
    buffers = {
        "plain": TensorDictReplayBuffer(storage=storages[0]),
        "ours": TensorDictReplayBuffer(storage=storages[1], transform=HindsightRelabel(reward_fn, storages[1])),
        "HERReplayBuffer": HERReplayBuffer(reward_of_rows, storage=storages[2]),
    }
    for start in range(0, fill, 100_000):
        for buffer in buffers.values():
            buffer.extend(steps(min(100_000, fill - start)))
    return buffers


def in_turns(calls: dict[str, Callable[[], object]], rounds: int, prepare: Callable[[str], object]) -> dict[str, float]:
    """Median seconds of each call, the calls taking turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 5):
        for name, call in calls.items():
            prepare(name)
            start = time.perf_counter()
            call()
            if turn >= 5:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


@pytest.fixture(scope="module", params=FILLS, ids="{:.0e}".format)
def filled(request: pytest.FixtureRequest):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield request.param, make_buffers(request.param)
    torch.set_num_threads(threads)
    gc.collect()


def report(benchmark, medians: dict[str, float], call: Callable[[], object]) -> None:
    benchmark.extra_info.update({f"{name}_us": round(1e6 * value, 1) for name, value in medians.items()})
    ratios = {f"{name}/ours": round(value / medians["ours"], 2) for name, value in medians.items() if name != "ours"}
    benchmark.extra_info["ours/plain"] = round(medians["ours"] / medians["plain"], 2)
    benchmark.extra_info.update(ratios)
    print(f"\n{benchmark.name}: {benchmark.extra_info}")
    benchmark.pedantic(call, rounds=20)


@pytest.mark.parametrize("batch_size", [256, 1024])
def test_sample(benchmark, filled, batch_size):
    _, buffers = filled
    calls = {name: lambda buffer=buffer: buffer.sample(batch_size) for name, buffer in buffers.items()}
    report(benchmark, in_turns(calls, ROUNDS, lambda _: None), calls["ours"])


@pytest.mark.parametrize("batch_size", [256, 1024])
def test_first_sample_after_a_write(benchmark, filled, batch_size):
    _, buffers = filled
    calls = {name: lambda buffer=buffer: buffer.sample(batch_size) for name, buffer in buffers.items()}
    episode = steps(LENGTH)
    medians = in_turns(calls, ROUNDS_AFTER_WRITE, lambda name: buffers[name].extend(episode))
    report(benchmark, medians, calls["ours"])


@pytest.mark.skipif(PEERS_PYTHON is None, reason="PEERS_PYTHON names no interpreter with stable-baselines3")
@pytest.mark.parametrize("batch_size", [256, 1024])
def test_against_stable_baselines3(benchmark, filled, batch_size):
    fill, buffers = filled
    if fill > 100_000:
        pytest.skip("stable-baselines3 is filled row by row")
    script = Path(__file__).with_name("sb3_her.py")
    command = [str(PEERS_PYTHON), str(script), str(fill), str(ROUNDS), str(batch_size)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    calls = {name: lambda name=name: buffers[name].sample(batch_size) for name in ("plain", "ours")}
    medians = in_turns(calls, ROUNDS, lambda _: None) | {"stable-baselines3": json.loads(printed)[str(batch_size)]}
    report(benchmark, medians, calls["ours"])


def test_bytes_of_a_transition():
    """The annotation's cost in memory, stated in the documentation."""
    storages = [LazyTensorStorage(1_000) for _ in range(2)]
    buffers = [
        TensorDictReplayBuffer(storage=storages[0]),
        TensorDictReplayBuffer(storage=storages[1], transform=HindsightRelabel(reward_fn, storages[1])),
    ]
    for buffer in buffers:
        buffer.extend(steps(1_000))
    plain, ours = (buffer.storage._storage.bytes() // 1_000 for buffer in buffers)
    print(f"\nbytes of a transition: {plain} plain, {ours} with the annotation")
    assert ours - plain == 12
