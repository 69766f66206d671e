from pathlib import Path

import torch
from helpers.small import load_recipe, small_config, small_run

import sher_rl
from sher_rl import load_policy

ROUNDS = {"total_frames": 600, "eval_frames": 100}


def policies_of_a_run(out_dir: Path, **changes) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
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


def test_policies_are_tested_and_saved_as_they_are_trained(tmp_path: Path) -> None:
    trained, saved = policies_of_a_run(tmp_path)
    assert len(trained) == 6
    for one, other in zip(trained, saved, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_an_average_moves_a_share_of_the_way_after_each_round(tmp_path: Path) -> None:
    trained, saved = policies_of_a_run(tmp_path, policy_ema=0.75)
    average = trained[0]
    for one, other in zip(trained, saved, strict=True):
        average = 0.75 * average + 0.25 * one
        torch.testing.assert_close(other, average)
    assert not torch.equal(saved[-1], trained[-1])


def test_an_average_does_not_change_what_is_trained(tmp_path: Path) -> None:
    plain, _ = policies_of_a_run(tmp_path / "plain")
    averaged, _ = policies_of_a_run(tmp_path / "averaged", policy_ema=0.75)
    for one, other in zip(plain, averaged, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_an_average_resumes_to_the_bit(tmp_path: Path) -> None:
    whole = small_run(tmp_path / "whole", policy_ema=0.75, **ROUNDS)
    part = small_run(tmp_path / "part", policy_ema=0.75, **ROUNDS | {"total_frames": 300})
    small_run(tmp_path / "part", policy_ema=0.75, **ROUNDS, resume=part)
    torch.testing.assert_close(first_weight(load_policy(part)), first_weight(load_policy(whole)), rtol=0, atol=0)
