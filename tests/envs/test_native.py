import gc
import logging
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from helpers.physics import break_physics
from torchrl.envs import EnvBase, check_env_specs

from sher_rl import TASKS, make_env
from sher_rl.envs.native import NativeEnv


def test_copies_share_one_model():
    first, *others = make_env("FetchReach-v4", 3)._sims
    for sim in others:
        assert sim.model is sim.data.model is first.model
    assert len({sim.data.qpos.ctypes.data for sim in (first, *others)}) == 3


def test_copies_that_render_have_models_of_their_own():
    models = [sim.model for sim in make_env("FetchReach-v4", 3, render_mode="rgb_array")._sims]
    assert len({model.site_pos.ctypes.data for model in models}) == 3


def test_copies_without_a_seed_draw_each_their_own():
    assert len(NativeEnv("FetchReach-v4", 3).reset()["desired_goal"].unique(dim=0)) == 3


GROW = """
import os
from pathlib import Path
from sher_rl import make_env

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

kept = [make_env("HandManipulateEgg-v1", 2)]
kept[0].rollout(10)
before = resident()
kept.append(make_env("HandManipulateEgg-v1", 32))
kept[1].rollout(10)
print((resident() - before) / 32)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads the memory from Linux")
def test_a_copy_takes_less_memory_than_a_model():
    script = subprocess.run([sys.executable, "-c", GROW], capture_output=True, check=True)
    assert float(script.stdout) < 5


@pytest.mark.parametrize(("env_id", "steps"), [("FetchReach-v4", 50), ("HandManipulatePen-v1", 100)])
def test_episodes_end_at_the_registered_limit(env_id, steps):
    env = make_env(env_id, 2)
    truncated = env.rollout(2 * steps, break_when_any_done=False)["next", "truncated"]
    assert truncated[0].flatten().nonzero().flatten().tolist() == [steps - 1, 2 * steps - 1]


def test_no_limit():
    env = make_env("FetchReach-v4", 2, max_episode_steps=-1)
    assert env.rollout(120, break_when_any_done=False)["next", "done"].sum() == 0


@pytest.mark.parametrize("env_id", ["HandReach-v3", "HandManipulateEgg-v1"])
def test_a_seeded_reset_does_not_depend_on_earlier_episodes(env_id):
    """Observed, not promised: the Hand tasks' resets leave warm start and controls as they are."""
    fresh = make_env(env_id, 1)
    used = make_env(env_id, 1)
    used.rollout(30)
    fresh.set_seed(8)
    used.set_seed(8)
    assert (fresh.rollout(10, RandomZero()) == used.rollout(10, RandomZero())).all()


class RandomZero(torch.nn.Module):
    """Zero actions for Hand tasks of one environment."""

    def forward(self, tensordict):
        return tensordict.set("action", torch.zeros(1, 20))


@pytest.mark.parametrize("env_id", TASKS)
def test_specs(env_id):
    env = make_env(env_id, 2)
    check_env_specs(env)
    assert env.batch_size == (2,)
    assert env.set_seed(11) == 13
    env.close()


def test_set_seed_acts_at_the_next_reset_and_once():
    env = make_env("FetchReach-v4", 3, seed=20)
    first, second = (env.reset()["desired_goal"] for _ in range(2))
    assert env.set_seed(21) == 24
    assert torch.equal(env.reset()["desired_goal"][:2], first[1:])
    env.set_seed(20)
    env.reset()
    assert torch.equal(env.reset()["desired_goal"], second)


def test_a_static_seed_is_that_of_every_environment():
    env = make_env("FetchReach-v4", 3)
    assert env.set_seed(20, static_seed=True) == 20
    goals = env.reset()["desired_goal"]
    assert (goals == goals[0]).all()
    assert torch.equal(goals[0], make_env("FetchReach-v4", 1, seed=20).reset()["desired_goal"][0])
    env.set_seed(20)
    assert len(env.reset()["desired_goal"].unique(dim=0)) == 3


def test_random_actions_are_those_of_torchrl():
    env = make_env("HandReach-v3", 3)
    for state in (None, env.reset()):
        torch.manual_seed(0)
        actions = env.rand_action(state)["action"]
        torch.manual_seed(0)
        assert torch.equal(actions, EnvBase.rand_action(env, state)["action"])


def test_a_partial_reset_leaves_the_others_and_their_seeds_alone():
    env = make_env("FetchReach-v4", 3, seed=0)
    goals = env.reset()["desired_goal"]
    env.set_seed(0)
    state = env.rand_step(env.reset())["next"].exclude("reward")
    env.set_seed(0)
    mask = torch.tensor([[False], [True], [False]])
    after = env.reset(state.clone().set("_reset", mask))
    assert torch.equal(after["desired_goal"], goals)
    assert torch.equal(after["observation"][[0, 2]], state["observation"][[0, 2]])
    assert not torch.equal(after["observation"][1], state["observation"][1])


def test_steps_keep_their_values():
    env = make_env("FetchPush-v4", 2)
    steps = [env.rand_step(env.reset())]
    kept = steps[0].clone()
    for _ in range(3):
        steps.append(env.rand_step(steps[-1]["next"].exclude("reward")))
    env.reset()
    assert (steps[0] == kept).all()


def test_an_environment_that_does_not_render_makes_no_renderer():
    env = make_env("FetchReach-v4", 1)
    env.rollout(2)
    assert env._sims[0].mujoco_renderer._viewers == {}


def test_close_stops_the_threads():
    before = set(threading.enumerate())
    env = make_env("FetchReach-v4", 4, num_threads=3)
    env.rollout(2)
    started = set(threading.enumerate()) - before
    assert started
    env.close()
    assert not any(thread.is_alive() for thread in started)


def test_dropping_an_environment_stops_the_threads():
    before = set(threading.enumerate())
    env = make_env("FetchReach-v4", 4, num_threads=3)
    env.rollout(2)
    started = set(threading.enumerate()) - before
    del env
    gc.collect()
    for thread in started:
        thread.join(5)
    assert started
    assert not any(thread.is_alive() for thread in started)


def test_a_failure_names_the_environment():
    env = make_env("FetchReach-v4", 4, seed=40, num_threads=2)
    state = env.rand_step(env.reset())["next"].exclude("reward")
    break_physics(env, 2)
    with pytest.raises(RuntimeError, match=r"environment 2 \(seed 42, step 1 of its episode\) failed: .*integrator"):
        env.rand_step(state)
    env.close()


@pytest.mark.parametrize("env_id", ["FetchReach-v4", "HandReach-v3"])
def test_warnings_are_counted_and_logged(env_id, caplog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MuJoCo writes MUJOCO_LOG.TXT
    env = make_env(env_id, 2)
    state = env.reset()
    assert env.warnings == {}
    for _ in range(2):
        env._sims[1].data.qpos[0] = np.nan
        env.rand_step(state)
        with caplog.at_level(logging.WARNING):
            state = env.reset()
    assert env.warnings == {"mjWARN_BADQPOS": 2}
    assert "'mjWARN_BADQPOS': 2" in caplog.text
