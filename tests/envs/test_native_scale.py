"""Many environments, many times, and in worker processes."""

import ctypes
import gc
import os
import re
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from tensordict import TensorDict
from torchrl.envs import ParallelEnv

from sher_rl import make_env

pytestmark = pytest.mark.slow


def measured() -> dict[str, int]:
    """Megabytes in use, threads and open files of this process."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what is freed goes back to the kernel
    kilobytes = re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())[1]
    return {
        "memory": int(kilobytes) // 1_000,
        "threads": len(os.listdir("/proc/self/task")),
        "files": len(os.listdir("/proc/self/fd")),
    }


class Still(torch.nn.Module):
    """Zero actions of FetchPush and FetchReach."""

    def forward(self, state: TensorDict) -> TensorDict:
        return state.set("action", torch.zeros(*state.batch_size, 4))


def test_256_environments_are_each_as_if_alone() -> None:
    before = measured()
    begin = time.monotonic()
    env = make_env("FetchPush-v4", 256, seed=3)
    made = time.monotonic() - begin
    many = env.rollout(20, Still())
    rate = 256 * 20 / (time.monotonic() - begin - made)
    memory = measured()["memory"] - before["memory"]
    print(f"256 made in {made:.1f} s, {memory} MB, {rate:,.0f} steps/s with the reset")
    for i in (0, 1, 100, 255):
        alone = make_env("FetchPush-v4", 1, seed=3 + i)
        assert (alone.rollout(20, Still())[0] == many[i]).all()
        alone.close()
    env.close()


def test_200_environments_made_and_closed_leave_nothing() -> None:
    marks = []
    for number in range(200):
        env = make_env("HandManipulateEgg-v1", 4, seed=number, num_threads=3)
        env.rollout(2)
        env.close()
        if number in (19, 199):
            marks.append(measured())
    print(*marks)
    early, late = marks
    assert late["threads"] == early["threads"]
    assert late["files"] == early["files"]
    assert late["memory"] < 1.05 * early["memory"]


def test_workers_that_are_spawned_step_as_this_process_does() -> None:
    makers = [partial(make_env, "FetchReach-v4", 2, seed=seed) for seed in (5, 9)]
    workers = ParallelEnv(2, makers, mp_start_method="spawn")
    try:
        rollout = workers.rollout(20, Still())
    finally:
        workers.close()
    for maker, steps in zip(makers, rollout, strict=True):
        here = maker()
        expected = here.rollout(20, Still())
        for key in ("observation", "desired_goal", ("next", "observation"), ("next", "reward")):
            assert torch.equal(steps[key], expected[key])
        here.close()
