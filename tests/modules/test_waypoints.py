from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.small import small_config
from torchrl.envs.utils import ExplorationType, set_exploration_type

from sher_rl import (
    FreeSpinPoseNorm,
    GoalDims,
    PoseNorm,
    UsageError,
    load_policy,
    make_networks,
    make_policy,
    toward_waypoints,
)
from sher_rl.cli.recipe_files import load_recipe
from sher_rl.functional.poses import free_spin_waypoint, pose_waypoint
from sher_rl.modules.norms import AnyGoalNorm, GoalNorm, ObservationNorm


def policy_with(norm: AnyGoalNorm):
    return make_policy(ObservationNorm(13), norm, make_networks(GoalDims(13, 7, 4), (8,))[0])


def state(rows: int) -> dict[str, torch.Tensor]:
    """Poses anywhere, of unit quaternions."""
    observation, goal = torch.randn(rows, 13), torch.randn(rows, 7)
    for pose in (observation, goal):
        pose[:, -4:] /= pose[:, -4:].norm(dim=-1, keepdim=True)
    return {"observation": observation, "desired_goal": goal}


@set_exploration_type(ExplorationType.DETERMINISTIC)
@pytest.mark.parametrize(("norm", "waypoint"), [(PoseNorm(), pose_waypoint), (FreeSpinPoseNorm(), free_spin_waypoint)])
def test_the_first_environments_act_as_if_the_waypoint_were_the_goal(norm: AnyGoalNorm, waypoint: Callable) -> None:
    policy, raw = policy_with(norm), state(8)
    explorer = toward_waypoints(policy, angle=0.5, share=0.25)
    pose, goal = raw["observation"][:, -7:], raw["desired_goal"]
    near = waypoint(pose, goal, 0.5)
    expected = torch.cat((policy(raw["observation"], near)[:2], policy(**raw)[2:]))
    assert torch.equal(explorer(**raw), expected)
    assert not torch.equal(explorer(**raw)[:2], policy(**raw)[:2])


def test_a_state_without_a_batch_is_refused() -> None:
    explorer = toward_waypoints(policy_with(PoseNorm()), angle=0.5, share=0.5)
    with pytest.raises(UsageError, match="observation has no batch"):
        explorer(observation=torch.zeros(13), desired_goal=torch.zeros(7))


def test_weights_are_those_of_the_policy() -> None:
    """What actors on other machines are sent."""
    policy = policy_with(PoseNorm())
    explorer = toward_waypoints(policy, angle=0.5, share=0.5)
    assert [w.data_ptr() for w in explorer.parameters()] == [w.data_ptr() for w in policy.parameters()]
    assert len(explorer.state_dict()) == len(policy.state_dict())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"angle": 0.0, "share": 0.5}, "angle is 0.0; use a number of radians above 0"),
        ({"angle": 0.5, "share": 1.5}, "share is 1.5; use a number from 0 to 1"),
        ({"angle": "a", "share": 0.5}, "angle is 'a'"),
    ],
)
def test_other_numbers_are_refused(options: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        toward_waypoints(policy_with(PoseNorm()), **options)


def test_goals_of_another_kind_are_refused() -> None:
    with pytest.raises(UsageError, match="policy has a GoalNorm for its goals; make it with PoseNorm"):
        toward_waypoints(policy_with(GoalNorm(7)), angle=0.5, share=0.5)


@pytest.mark.parametrize(
    ("env_id", "symmetry"),
    [("HandManipulateEgg-v1", "line"), ("HandManipulateBlock-v1", "cube"), ("HandManipulatePen-v1", "axis")],
)
def test_a_recipe_trains_with_both_and_its_policy_is_read_back(env_id: str, symmetry: str, tmp_path: Path) -> None:
    recipe = load_recipe("sher")
    config = small_config(tmp_path, env_id=env_id, symmetric=True, waypoint_share=0.5, compile=False)
    recipe.main(config)
    [path] = tmp_path.rglob("policy.pt")
    policy = load_policy(path)
    assert policy.module.observation_norm.symmetry == symmetry
