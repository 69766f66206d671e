import math

import numpy as np
import pytest
import torch
from gymnasium_robotics.utils import rotations

from sher_rl.envs.make import make_gym
from sher_rl.functional.poses import POSE_COLUMNS, TOLERANCES, pose_columns, pose_difference, pose_errors


def poses(n: int, spread: float) -> torch.Tensor:
    turn = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64) + spread * torch.randn(n, 4, dtype=torch.float64)
    return torch.cat((spread * torch.randn(n, 3, dtype=torch.float64), turn / turn.norm(dim=-1, keepdim=True)), -1)


@pytest.mark.parametrize("env_id", TOLERANCES)
def test_errors_and_tolerances_are_those_of_gymnasium_robotics(env_id: str) -> None:
    sim, tolerance = make_gym(env_id).unwrapped, TOLERANCES[env_id]
    assert (sim.distance_threshold, sim.rotation_threshold) == (tolerance.distance, tolerance.angle)
    achieved, desired = poses(50, 0.05), poses(50, 0.02)
    errors = pose_errors(achieved, desired, any_spin=tolerance.any_spin)
    rows = zip(achieved.numpy(), desired.numpy(), strict=True)
    expected = np.array([sim._goal_distance(*row) for row in rows])
    np.testing.assert_allclose(torch.cat(errors, -1).numpy(), expected, atol=1e-7)


def test_position_and_rotation_count_apart() -> None:
    desired = torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]]).repeat(4, 1)
    achieved = desired.clone()
    achieved[1:3, 0] = 0.04  # within the Pen's 5 cm, beyond the Egg's 1 cm
    achieved[2:, 3:5] = torch.tensor([math.cos(0.1), math.sin(0.1)])  # turned by 0.2 about x
    egg = pose_columns("HandManipulateEgg-v1", achieved, desired)
    assert tuple(egg) == POSE_COLUMNS
    assert list(egg.values()) == pytest.approx([0.5, 0.5, 0.02, 0.1], abs=1e-3)
    assert pose_columns("HandManipulateEggDense-v1", achieved, desired) == egg
    assert pose_columns("HandManipulatePen-v1", achieved, desired)["test_success_position"] == 1.0


def test_the_pen_may_spin() -> None:
    desired = torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    spun = torch.tensor([[0.0, 0.0, 0.0, math.cos(0.5), 0.0, 0.0, math.sin(0.5)]])
    assert pose_columns("HandManipulatePen-v1", spun, desired)["test_angle"] == pytest.approx(0.0, abs=1e-6)
    assert pose_columns("HandManipulateBlock-v1", spun, desired)["test_angle"] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("env_id", ["FetchPush-v4", "HandReach-v3"])
def test_goals_that_are_no_poses_have_no_columns(env_id: str) -> None:
    assert pose_columns(env_id, torch.zeros(2, 15), torch.zeros(2, 15)) == {}


def test_the_difference_leads_from_pose_to_pose_as_gymnasium_robotics_turns() -> None:
    achieved, desired = poses(500, 2.0), poses(500, 2.0)
    difference = pose_difference(achieved, desired)
    torch.testing.assert_close(achieved[:, :3] + difference[:, :3], desired[:, :3])
    turned = rotations.quat_mul(difference[:, 3:].numpy(), achieved[:, 3:].numpy())
    torch.testing.assert_close(torch.from_numpy(turned), desired[:, 3:])
    _, angle = pose_errors(achieved, desired, any_spin=False)
    torch.testing.assert_close(2 * torch.arccos(difference[:, 3:4].clamp(-1, 1)), angle)
