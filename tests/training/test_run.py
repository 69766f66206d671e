from pathlib import Path

import pytest
import torch
from helpers.small import load_recipe, small_config

import sher_rl
from sher_rl import load_policy

Weights = tuple[list[torch.Tensor], list[torch.Tensor]]
ROUNDS = {"total_frames": 600, "eval_frames": 100}


def policies_of_a_run(out_dir: Path, **changes) -> Weights:
    """One weight matrix of the policy after each round, as it is trained and as ``policy.pt`` has it."""
    config = small_config(out_dir, **ROUNDS | changes)
    parts = load_recipe("sher").build(config)
    trained, saved = [], []

    def note(row: object) -> None:
        trained.append(first_weight(parts.policy))
        saved.append(first_weight(load_policy(config.out_dir / "run")))

    arguments = {name: getattr(parts, name) for name in parts.__dataclass_fields__}
    sher_rl.train(config, **arguments, on_evaluate=note)
    return trained, saved


def first_weight(policy: torch.nn.Module) -> torch.Tensor:
    weights = [tensor for key, tensor in policy.state_dict().items() if key.endswith("weight")]
    return weights[0].clone()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return policies_of_a_run(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def averaged(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return policies_of_a_run(tmp_path_factory.mktemp("averaged"), policy_ema=0.75)


def test_policies_are_tested_and_saved_as_they_are_trained(plain: Weights) -> None:
    trained, saved = plain
    assert len(trained) == 6
    torch.testing.assert_close(saved, trained, rtol=0, atol=0)


def test_an_average_moves_a_share_of_the_way_after_each_round(averaged: Weights) -> None:
    trained, saved = averaged
    average = trained[0]
    for one, other in zip(trained, saved, strict=True):
        average = 0.75 * average + 0.25 * one
        torch.testing.assert_close(other, average)
    assert not torch.equal(saved[-1], trained[-1])


def test_an_average_does_not_change_what_is_trained(plain: Weights, averaged: Weights) -> None:
    torch.testing.assert_close(averaged[0], plain[0], rtol=0, atol=0)
