"""SHER with demonstrations, and the experts that give them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch
from helpers.forked import python
from helpers.same_run import AWKWARD, assert_same_run
from helpers.small import DEMONSTRATIONS, load_recipe

from sher_rl import PoseNorm, QFilteredCloning, UsageError, load_demonstrations, make_env
from sher_rl.training.evaluation import evaluate

RECIPE, EXPERTS = load_recipe("demonstrations"), load_recipe("experts")
NUMBERS = {key: value for key, value in AWKWARD.items() if key != "target_entropy"}
NUMBERS |= {"hidden": (16, 16), "batch_size": 32, "updates_per_batch": 3, "run_name": "run", "demonstrations": 2}


def expert(*args: str) -> CompletedProcess:
    return python(str(DEMONSTRATIONS.with_name("experts.py")), *args)


@pytest.mark.parametrize(("env_id", "least"), [("FetchPush-v4", 0.9), ("FetchPickAndPlace-v4", 0.95)])
def test_experts_solve_their_tasks(env_id: str, least: float) -> None:
    env = make_env(env_id, num_envs=20)
    assert evaluate(EXPERTS.make_expert(env_id), env, episodes=20, seed=50_000).mean() >= least


@pytest.mark.slow
def test_the_expert_of_the_hardest_task_solves_a_third() -> None:
    env = make_env("FetchSlide-v4", num_envs=20)
    assert evaluate(EXPERTS.make_expert("FetchSlide-v4"), env, episodes=100, seed=50_000).mean() > 1 / 3


@pytest.mark.parametrize("env_id", sorted(EXPERTS.EXPERTS))
def test_an_expert_acts_on_each_row_alone(env_id: str) -> None:
    torch.manual_seed(0)
    observation, goal = torch.rand(30, 25), torch.rand(30, 3)
    act = EXPERTS.EXPERTS[env_id]
    action = act(observation, goal)
    assert action.shape == (30, 4)
    assert action.abs().max() <= 1
    assert torch.allclose(
        action, torch.cat([act(o, g) for o, g in zip(observation.split(1), goal.split(1), strict=True)])
    )


@pytest.mark.parametrize("env_id", sorted((*EXPERTS.EXPERTS, *EXPERTS.TRAINED)))
def test_each_task_with_an_expert_has_numbers(env_id: str) -> None:
    assert RECIPE.published(env_id).env_id == env_id


def test_the_policy_of_the_package_shows_the_egg(tmp_path: Path) -> None:
    numbers = NUMBERS | {"demonstrations": 1, "compile": False, "out_dir": tmp_path, "total_frames": 3_200}
    config = dataclasses.replace(RECIPE.published("HandManipulateEgg-v1"), **numbers)
    rows = RECIPE.demonstrate(config)
    assert rows["next", "is_success"][-1]
    parts = RECIPE.build(config)
    assert parts.normalizer.observation.count == len(rows) == 100
    assert isinstance(parts.normalizer.goal, PoseNorm)


def test_a_task_without_an_expert_is_refused() -> None:
    with pytest.raises(UsageError, match="env_id 'FetchReach-v4' has no expert here; use FetchPush-v4 or"):
        RECIPE.published("FetchReach-v4")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"demonstration_share": 1.5}, "share is 1.5"),
        ({"cloning": -1.0}, "weight is -1.0"),
        ({"demonstrations": 0}, "is 0"),
    ],
)
def test_numbers_out_of_range_are_refused(change: dict[str, float], sentence: str) -> None:
    config = dataclasses.replace(RECIPE.published("FetchPush-v4"), **{"demonstrations": 1, "compile": False} | change)
    with pytest.raises(UsageError, match=sentence):
        RECIPE.build(config)


def test_priorities_are_refused() -> None:
    with pytest.raises(UsageError, match="sampler is 'per', and demonstrations have no priorities"):
        dataclasses.replace(RECIPE.published("FetchPush-v4"), sampler="per")


def test_demonstrations_are_cloned_where_that_is_asked_for() -> None:
    config = dataclasses.replace(RECIPE.published("FetchPush-v4"), demonstrations=1, compile=False)
    assert RECIPE.build(config).learner.terms == []
    (term,) = RECIPE.build(dataclasses.replace(config, cloning=2.0)).learner.terms
    assert isinstance(term, QFilteredCloning)


def test_a_run_from_a_folder_resumes_to_the_bit_and_with_no_other_folder(tmp_path: Path) -> None:
    pytest.importorskip("minari")
    flags = ["--env", "FetchPush-v4", "--episodes", "2", "--record"]
    result = expert(*flags, str(tmp_path / "shown"))
    assert result.stdout == f"{tmp_path / 'shown'}: 2 episodes of FetchPush-v4, 100 steps, from seed 50000\n"
    assert load_demonstrations(tmp_path / "shown")["next", "is_success"][49::50].all()
    numbers = NUMBERS | {"demonstration_folder": tmp_path / "shown", "cloning": 1.0}
    for folder, frames in (("whole", (612,)), ("part", (306, 612))):
        for total in frames:
            resume = tmp_path / folder / "run" if total != frames[0] else None
            changes = numbers | {"out_dir": tmp_path / folder, "resume": resume, "total_frames": total}
            RECIPE.main(dataclasses.replace(RECIPE.published("FetchPush-v4"), **changes))
    assert_same_run(tmp_path / "whole" / "run", tmp_path / "part" / "run")
    assert expert(*flags, str(tmp_path / "other"), "--seed", "60000").returncode == 0
    (tmp_path / "shown").rename(tmp_path / "before")
    (tmp_path / "other").rename(tmp_path / "shown")
    changes = numbers | {"out_dir": tmp_path / "part", "resume": tmp_path / "part" / "run", "total_frames": 700}
    with pytest.raises(UsageError, match="demonstrations are not those that the state is of"):
        RECIPE.main(dataclasses.replace(RECIPE.published("FetchPush-v4"), **changes))
