"""Faults put into real runs: each ends with a sentence, and what was saved before it stays usable."""

import logging
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.small import REACH, load_recipe, small_run
from tensordict import TensorDict

import sher_rl.training.updates
from sher_rl import load_policy
from sher_rl.checkpoint.run import saved_checkpoints
from sher_rl.cli.errors import exit_with_sentence
from sher_rl.training.finite import check_finite
from sher_rl.training.updates import minibatches

HER = SimpleNamespace(CONFIG=load_recipe("her").published("FetchReach-v4"))
QUICK = {"compile": False, "checkpoint_minutes": 1e-6}


@pytest.fixture
def break_after(monkeypatch: pytest.MonkeyPatch):
    """Make a run break something it uses once so many batches are collected."""

    def install(batches: int, breakage) -> None:
        original, count = sher_rl.training.rollouts.Rollouts.__next__, iter(range(1_000))

        def collect(rollouts):
            data = original(rollouts)
            if next(count) == batches:
                breakage(rollouts._collector.env, data)
            return data

        monkeypatch.setattr(sher_rl.training.rollouts.Rollouts, "__next__", collect)

    return install


def assert_stopped_cleanly(run: Path, frames: str) -> None:
    """The checkpoint before the fault is the last, and the policy is whole."""
    assert saved_checkpoints(run)[-1].name == frames
    assert all(weight.isfinite().all() for weight in load_policy(run).state_dict().values())
    assert not list(run.rglob("*.part"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("key", ["observation", ("next", "observation"), ("next", "achieved_goal"), ("next", "reward")])
def test_a_number_that_is_none_is_not_trained_on(key, value, break_after, tmp_path: Path) -> None:
    def poison(_, data) -> None:
        data[key][1, 17, 0] = value

    break_after(2, poison)
    name = key if isinstance(key, str) else ".".join(key)
    sentence = f"{name} is {value} at environment 1, step 17 of the batch after frame 200; nothing was learned"
    with pytest.raises(FloatingPointError, match=sentence):
        small_run(tmp_path, **QUICK)
    assert_stopped_cleanly(tmp_path / "run", "200")
    fault = torch.load(tmp_path / "run" / "fault.pt", weights_only=True)["tensors"]
    fault = fault[key] if isinstance(key, str) else fault["next"][key[1]]
    assert fault.isfinite().logical_not().nonzero().tolist() == [[1, 17, 0]]


def test_a_reward_function_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sher_rl, "goal_reward", lambda _: lambda a, b: (a - b).sum(-1, keepdim=True).log())
    with pytest.raises(FloatingPointError, match=r"next\.reward is -?(nan|inf) at row \d+, relabelled, of the batch"):
        small_run(tmp_path, **QUICK)


@pytest.mark.parametrize("network", ["actor_network", "qvalue_network", "value_network"])
def test_weights_that_diverge(network: str, break_after, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learners = []
    step = sher_rl.FusedLearner.step
    monkeypatch.setattr(sher_rl.FusedLearner, "step", lambda self, batch: (learners.append(self), step(self, batch))[1])

    def poison(*_) -> None:
        weight = next(iter(getattr(learners[0].loss, f"{network}_params").values(True, True)))
        weight.data.view(-1)[0] = float("inf")
        learners[0]._lower()

    break_after(2, poison)
    with pytest.raises(FloatingPointError, match=r"(loss_\w+|grad_norm) is .* at gradient step 6; nothing was"):
        small_run(tmp_path, **QUICK)
    assert_stopped_cleanly(tmp_path / "run", "200")
    assert set(torch.load(tmp_path / "run" / "fault.pt", weights_only=True)) == {"tensors", "batch", "networks"}


@pytest.mark.parametrize(("recipe", "changes"), [(REACH, QUICK), (HER, {"compile": False})], ids=["sher", "her"])
def test_a_batch_that_breaks_the_loss_moves_no_weight(
    recipe: ModuleType, changes: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poisoned(*args):
        for number, batch in enumerate(minibatches(*args)):
            if number == 1:
                batch["next", "reward"][3] = float("nan")
            yield batch

    monkeypatch.setattr(sher_rl.training.updates, "minibatches", poisoned)
    with pytest.raises(FloatingPointError, match=r"(loss_\w+|grad_norm) is nan at gradient step 1; nothing"):
        small_run(tmp_path, recipe=recipe, **changes)
    fault = torch.load(tmp_path / "run" / "fault.pt", weights_only=True)
    assert fault["batch"]["next"]["reward"].isnan().nonzero().tolist() == [[3, 0]]
    assert all(weight.isfinite().all() for weight in fault["networks"].values())


def test_a_fault_that_cannot_be_written_down_is_still_named(tmp_path: Path) -> None:
    (tmp_path / "fault.pt").mkdir()
    with pytest.raises(FloatingPointError, match=r"reward is nan at row 2; nothing was learned .* cannot be written"):
        check_finite(TensorDict({"reward": torch.tensor([0, 0, float("nan")])}), tmp_path, "row {0}")
    assert not any((tmp_path / "fault.pt").iterdir())


@pytest.mark.parametrize("error", [RuntimeError("broken"), SystemExit(3)])
def test_an_environment_thread_that_dies(error: BaseException, break_after, tmp_path: Path) -> None:
    def plant(env, _) -> None:
        advance = env._robot.advance

        def die(i: int, control) -> None:
            if i == 1:
                raise error
            advance(i, control)

        env._robot.advance = die

    break_after(1, plant)
    with pytest.raises(type(error), match="environment 1.*failed: broken" if error.args == ("broken",) else "3"):
        small_run(tmp_path, **QUICK)
    assert_stopped_cleanly(tmp_path / "run", "200")


def test_physics_that_diverge_are_counted_and_said(break_after, tmp_path: Path, caplog, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # MuJoCo writes MUJOCO_LOG.TXT

    def diverge(env, _) -> None:
        env._sims[1].data.qvel[:] = np.nan

    break_after(1, diverge)
    with caplog.at_level(logging.WARNING):
        run = small_run(tmp_path, **QUICK)
    assert "MuJoCo warned" in caplog.text
    assert "mjWARN_BADQVEL" in caplog.text
    assert saved_checkpoints(run)[-1].name == "400"


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    run = small_run(tmp_path, total_frames=200, **QUICK)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    result = subprocess.run(
        [sys.executable, REACH.__file__, "--resume", str(run), "--total-frames", "400"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard)),
        capture_output=True,
        text=True,
    )
    sentence = r"error: checkpoint '.*/300' cannot be written \(File too large\); '.*/200' is as it was"
    assert result.returncode == 1
    assert re.search(sentence, result.stderr), result.stderr[-2000:]
    assert_stopped_cleanly(run, "200")
    small_run(tmp_path, resume=run, **QUICK)
    assert_stopped_cleanly(run, "400")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator:
    made = []

    def make(path: Path) -> None:
        commands = (f"mount --bind {path} {path}", f"mount -o remount,bind,ro {path}")
        if any(subprocess.run(command.split(), capture_output=True).returncode for command in commands):
            path.chmod(0o500)
        made.append(path)
        try:
            (path / "probe").touch()
            pytest.skip("nothing can be made read-only here")
        except OSError:
            pass

    yield make
    for path in made:
        subprocess.run(["umount", str(path)], capture_output=True)
        path.chmod(0o700)


def test_a_folder_that_became_read_only(read_only, tmp_path: Path) -> None:
    run = small_run(tmp_path, total_frames=200, **QUICK)
    read_only(run / "checkpoints")
    sentence = r"error: checkpoint '.*/300' cannot be written \(.+\); '.*/200' is as it was"
    with pytest.raises(SystemExit, match=sentence):
        exit_with_sentence(lambda: small_run(tmp_path, resume=run, **QUICK))
    assert_stopped_cleanly(run, "200")
