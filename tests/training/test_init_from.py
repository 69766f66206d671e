"""A run that begins with what another has learned."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from helpers.same_run import AWKWARD, assert_same_run
from helpers.small import load_recipe, small_config, small_run

from sher_rl import Parts, UsageError, init_from, load_policy, pretrained
from sher_rl.checkpoint.run import read_components
from sher_rl.modules.critics_file import load_critics
from sher_rl.training import init_from as module

PUSH = load_recipe("sher_fetch_push")
SHER = load_recipe("sher")
OWN = ("gamma", "log_alpha")
"""Numbers in a loss's state that are no weights."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run(tmp_path_factory.mktemp("source"), compile=False, total_frames=200)


def parts_of(**changes) -> Parts:
    return SHER.build(small_config(Path("unused"), compile=False, seed=1, **changes))


def networks(parts: Parts) -> dict[str, torch.Tensor]:
    state = parts.learner.loss.state_dict()
    return {key: value.clone() for key, value in state.items() if key not in OWN}


def test_a_run_gives_all_networks_and_statistics_and_no_constants(source: Path) -> None:
    parts = parts_of(alpha=0.5, gamma=0.7)
    init_from(source, parts)
    saved = read_components(source, ("loss", "normalizer"))
    for key, value in networks(parts).items():
        assert torch.equal(value, saved["loss"][key]), key
    for key, value in parts.normalizer.state_dict().items():
        assert torch.equal(value, saved["normalizer"][key]), key
    loss = parts.learner.loss
    assert loss.gamma.item() == pytest.approx(0.7)
    assert loss.log_alpha.exp().item() == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["", "policy.pt"])
def test_without_checkpoints_policy_and_critics_come_from_their_files(name: str, source: Path, tmp_path: Path) -> None:
    copy_files(source, tmp_path, "policy.pt", "critics.pt")
    parts = parts_of(alpha=0.5)
    init_from(tmp_path / name, parts)
    saved = read_components(source, ("loss", "normalizer"))
    for key, value in networks(parts).items():
        assert torch.equal(value, saved["loss"][key]), key
    for key, value in parts.normalizer.state_dict().items():
        assert torch.equal(value, saved["normalizer"][key]), key
    assert parts.learner.loss.log_alpha.exp().item() == pytest.approx(0.5)


def copy_files(source: Path, folder: Path, *names: str) -> None:
    for name in names:
        shutil.copy(source / name, folder)


def test_a_policy_alone_gives_actor_and_statistics_and_leaves_the_critics(source: Path, tmp_path: Path) -> None:
    copy_files(source, tmp_path, "policy.pt")
    parts = parts_of()
    fresh = networks(parts)
    init_from(tmp_path / "policy.pt", parts)
    saved = load_policy(source).state_dict()
    assert all(torch.equal(value, saved[key]) for key, value in parts.policy.state_dict().items())
    for key, value in networks(parts).items():
        assert torch.equal(value, fresh[key]) is not key.startswith("actor"), key


def test_critics_of_another_moment_are_refused(source: Path, tmp_path: Path) -> None:
    later = small_run(tmp_path, compile=False, total_frames=100)
    copy_files(source, later, "critics.pt")
    with pytest.raises(UsageError, match="holds critics of another policy"):
        init_from(later / "policy.pt", parts_of())


def test_another_kind_of_critic_takes_a_policy_without_its_critics(source: Path, tmp_path: Path) -> None:
    copy_files(source, tmp_path, "policy.pt", "critics.pt")
    parts = parts_of(critic="two-stream")
    before = networks(parts)
    with pytest.raises(UsageError, match=r"use the same --critic, or a copy of the policy\.pt alone"):
        init_from(tmp_path, parts)
    assert all(torch.equal(value, before[key]) for key, value in networks(parts).items())
    (tmp_path / "critics.pt").unlink()
    init_from(tmp_path, parts)
    assert torch.equal(parts.normalizer.observation.mean, load_policy(source).module.observation_norm.mean)


def test_a_policy_of_the_package_is_found_by_its_name_with_its_critics() -> None:
    config = small_config(Path("unused"), PUSH, compile=False, hidden=(256, 256, 256))
    parts = init_from("FetchPush", SHER.build(config))
    saved = load_policy(pretrained("FetchPush")).state_dict()
    assert all(torch.equal(value, saved[key]) for key, value in parts.policy.state_dict().items())
    critics = load_critics(pretrained("FetchPush"))
    own = networks(parts)
    assert all(torch.equal(own[key], value) for key, value in critics.items())
    assert {key for key in own if not key.startswith("actor_network")} == critics.keys()


def test_what_the_products_read_is_what_was_loaded(source: Path) -> None:
    parts = parts_of()
    init_from(source, parts)
    for network in (parts.learner._actor, parts.learner._critic, parts.learner._target):
        for stack, master in zip(network.layers, network.master_layers, strict=True):
            assert all(torch.equal(a, b.to(a)) for a, b in zip(_leaves(stack), _leaves(master), strict=True))


def _leaves(tree: object) -> list[torch.Tensor]:
    return [tree] if isinstance(tree, torch.Tensor) else [leaf for part in tree for leaf in _leaves(part)]


def test_the_policy_waits_while_the_critics_learn(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ACTOR_WAITS", 300)
    numbers = {"compile": False, "init_from": str(source), "eval_frames": 100}
    whole = small_run(tmp_path, **numbers, total_frames=300)
    before, after = (load_policy(run).state_dict() for run in (source, whole))
    actor = [key for key in before if "mlp" in key]
    assert all(torch.equal(before[key], after[key]) for key in actor)
    critics = [
        read_components(run, ("loss",))["loss"]["value_network_params.module.0.weight"] for run in (source, whole)
    ]
    assert not torch.equal(*critics)
    small_run(tmp_path, **numbers, total_frames=400, resume=whole)
    assert not any(torch.equal(before[key], load_policy(whole).state_dict()[key]) for key in actor)


@pytest.mark.parametrize("kept", ["checkpoints", "policy.pt"])
def test_it_resumes_to_the_bit_without_its_source(
    kept: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ACTOR_WAITS", 300)
    gone = Path(shutil.copytree(source, tmp_path / "gone"))
    numbers = {key: value for key, value in AWKWARD.items() if key != "num_envs"} | {"num_envs": 3}
    numbers |= {"init_from": str(gone if kept == "checkpoints" else gone / kept)}
    whole = small_run(tmp_path / "whole", **numbers)
    for frames in (204, 408):  # before and after the policy moves
        resume = {"resume": tmp_path / "part" / "run"} if frames > 204 else {}
        small_run(tmp_path / "part", **numbers | resume | {"total_frames": frames})
        if frames == 204:
            gone.rename(tmp_path / "elsewhere")
    small_run(tmp_path / "part", **numbers, resume=tmp_path / "part" / "run")
    assert_same_run(whole, tmp_path / "part" / "run")


def test_killed_before_the_first_checkpoint_it_begins_there_again(source: Path, tmp_path: Path) -> None:
    whole = small_run(tmp_path / "whole", compile=False, init_from=str(source))
    other = small_run(tmp_path / "other", compile=False, init_from=str(source))
    shutil.rmtree(other / "checkpoints")
    small_run(tmp_path / "other", compile=False, init_from=str(source), resume=other)
    assert_same_run(whole, other)


def test_other_sizes_are_refused_in_one_sentence(source: Path) -> None:
    for changes in ({"hidden": (8, 8)}, {"hidden": (16, 16, 16)}, {"critic": "two-stream"}):
        with pytest.raises(UsageError, match=r"does not fit this run: .*use the same method, --hidden and --critic"):
            init_from(source, parts_of(**changes))
    with pytest.raises(UsageError, match=r"policy.pt' does not fit this run"):
        init_from(source / "policy.pt", parts_of(hidden=(8, 8)))


def test_another_task_or_method_is_refused_before_anything_is_written(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is \(16, 13\), here \(16, 28\)"):
        small_run(tmp_path, PUSH, compile=False, init_from=str(source))
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match="is a policy of ObservationNorm, GoalNorm, GaussianNet, this run's is of"):
        init_from(source / "policy.pt", parts_of_her())


def parts_of_her() -> Parts:
    recipe = load_recipe("her")
    config = recipe.published("FetchReach-v4")
    return recipe.build(dataclasses.replace(config, hidden=(16, 16), compile=False))


def test_a_source_that_is_not_there_is_named() -> None:
    with pytest.raises(
        UsageError, match=r"init_from 'runs/nothing' is no run folder and no policy\.pt, and pretrained"
    ):
        init_from("runs/nothing", parts_of())


@pytest.mark.parametrize("damage", [b"", b"no tensors"])
def test_a_damaged_checkpoint_is_refused(damage: bytes, source: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(source, tmp_path / "run"))
    next(run.glob("checkpoints/*/state.pt")).write_bytes(damage)
    with pytest.raises(UsageError, match=r"cannot be read \(.*\); use another run\."):
        init_from(run, parts_of())


def test_the_source_is_in_the_configuration(source: Path, tmp_path: Path) -> None:
    run = small_run(tmp_path, compile=False, total_frames=100, init_from=str(source))
    assert json.loads((run / "config.json").read_text())["init_from"] == str(source)
