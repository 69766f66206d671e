"""Ctrl-C while environments step, as in a notebook, and processes that are forked from one with environments."""

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from helpers.same_run import assert_equal
from tensordict import TensorDict
from torchrl.envs import EnvBase

from sher_rl import make_env


@pytest.fixture(autouse=True)
def _ctrl_c_raises() -> Iterator[None]:
    """Also where these tests run in the background, which ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_ctrl_c(after: float) -> threading.Thread:
    def press() -> None:
        time.sleep(after)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


def step_until_ctrl_c(env: EnvBase, action: TensorDict, after: float) -> int:
    """Number of steps that came back."""
    count = 0
    try:
        press_ctrl_c(after)
        while True:
            env.step(action.clone())
            count += 1
    except KeyboardInterrupt:
        return count


def test_an_interrupted_step_is_a_whole_one_or_none() -> None:
    env, twin = (make_env("FetchPush-v4", 6, num_threads=threads) for threads in (3, 1))
    action = env.rand_action(env.reset()).select("action")
    twin.reset()
    draw = random.Random(0)
    for _ in range(8):
        for _ in range(step_until_ctrl_c(env, action, draw.uniform(0, 0.03))):
            twin.step(action.clone())
        if env._elapsed[0] > twin._elapsed[0]:  # the last one was finished, and did not come back
            twin.step(action.clone())
        assert_equal(env.get_state(), twin.get_state())
    for each in (env, twin):
        each.close()


@pytest.mark.slow
@pytest.mark.parametrize("env_id", ["FetchPush-v4", "FetchReach-v4", "HandReach-v3", "HandManipulateEgg-v1"])
def test_after_300_interrupts_an_environment_is_as_new(env_id: str) -> None:
    env, fresh = (make_env(env_id, 6, num_threads=threads) for threads in (3, 1))
    draw = random.Random(0)
    for number in range(300):
        try:
            press_ctrl_c(draw.uniform(0, 0.05))
            while True:
                env.rollout(3)
        except KeyboardInterrupt:
            pass
        if number % 10 == 9:
            rollouts = []
            for each in (env, fresh):
                each.set_seed(number)
                torch.manual_seed(number)
                rollouts.append(each.rollout(10))
            assert (rollouts[0] == rollouts[1]).all()
    for each in (env, fresh):
        each.close()


def roll_out(env: EnvBase, path: Path) -> None:
    torch.manual_seed(1)
    torch.save(env.rollout(5).to_dict(), path)


def test_environments_step_on_in_a_forked_process(tmp_path: Path) -> None:
    env = make_env("FetchReach-v4", 4, num_threads=3)
    env.rollout(2)
    child = multiprocessing.get_context("fork").Process(target=roll_out, args=(env, tmp_path / "child"), daemon=True)
    child.start()
    child.join(30)
    assert child.exitcode == 0
    roll_out(env, tmp_path / "parent")
    assert_equal(*(torch.load(tmp_path / name, weights_only=True) for name in ("parent", "child")))
    env.close()
