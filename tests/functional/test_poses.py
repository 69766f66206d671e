import numpy as np
import pytest
import torch
from gymnasium_robotics.utils import rotations

from sher_rl.envs.make_gym import make_gym
from sher_rl.functional.poses import (
    free_spin_difference,
    free_spin_waypoint,
    pose_difference,
    pose_errors,
    pose_waypoint,
    with_spin_of,
)


def poses(n: int, spread: float) -> torch.Tensor:
    turn = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64) + spread * torch.randn(n, 4, dtype=torch.float64)
    return torch.cat((spread * torch.randn(n, 3, dtype=torch.float64), turn / turn.norm(dim=-1, keepdim=True)), -1)


@pytest.mark.parametrize(("env_id", "free_spin"), [("HandManipulateEgg-v1", False), ("HandManipulatePen-v1", True)])
def test_errors_are_those_of_gymnasium_robotics(env_id: str, free_spin: bool) -> None:
    sim = make_gym(env_id).unwrapped
    achieved, desired = poses(50, 0.05), poses(50, 0.02)
    errors = pose_errors(achieved, desired, free_spin=free_spin)
    rows = zip(achieved.numpy(), desired.numpy(), strict=True)
    expected = np.array([sim._goal_distance(*row) for row in rows])
    np.testing.assert_allclose(torch.cat(errors, -1).numpy(), expected, atol=1e-7)


def test_the_difference_leads_from_pose_to_pose_as_gymnasium_robotics_turns() -> None:
    achieved, desired = poses(500, 2.0), poses(500, 2.0)
    difference = pose_difference(achieved, desired)
    torch.testing.assert_close(achieved[:, :3] + difference[:, :3], desired[:, :3])
    turned = rotations.quat_mul(difference[:, 3:].numpy(), achieved[:, 3:].numpy())
    torch.testing.assert_close(torch.from_numpy(turned), desired[:, 3:])
    _, angle = pose_errors(achieved, desired, free_spin=False)
    torch.testing.assert_close(2 * torch.arccos(difference[:, 3:4].clamp(-1, 1)), angle)


def test_the_difference_without_spin_is_as_large_as_the_error_that_counts() -> None:
    achieved, desired = poses(500, 2.0), poses(500, 2.0)
    difference = free_spin_difference(achieved, desired)
    _, angle = pose_errors(achieved, desired, free_spin=True)
    torch.testing.assert_close(2 * torch.arccos(difference[:, 3:4].clamp(-1, 1)), angle)


def test_spin_of_the_object_does_not_change_the_difference_without_spin() -> None:
    achieved, desired = poses(500, 0.3), poses(500, 0.3)
    half = torch.full((500,), 0.4, dtype=torch.float64)
    spin = torch.stack((half.cos(), 0 * half, 0 * half, half.sin()), -1)
    turned = torch.from_numpy(rotations.quat_mul(achieved[:, 3:].numpy(), spin.numpy()))
    spun = torch.cat((achieved[:, :3], turned), -1)
    torch.testing.assert_close(free_spin_difference(spun, desired), free_spin_difference(achieved, desired))
    assert not torch.allclose(pose_difference(spun, desired), pose_difference(achieved, desired))


def test_a_waypoint_is_as_far_as_asked_and_on_the_way() -> None:
    """Its angle to the start and its angle to the goal add up to the whole angle, by the task's own measure."""
    achieved, desired = poses(500, 2.0), poses(500, 2.0)
    waypoint = pose_waypoint(achieved, desired, 0.7)
    _, whole = pose_errors(achieved, desired, free_spin=False)
    _, done = pose_errors(achieved, waypoint, free_spin=False)
    _, left = pose_errors(waypoint, desired, free_spin=False)
    far = whole > 0.7
    assert 0.5 < far.double().mean() < 1
    torch.testing.assert_close(done, whole.clamp(max=0.7), atol=1e-6, rtol=0)
    torch.testing.assert_close(left[far], (whole - 0.7)[far], atol=1e-6, rtol=0)
    assert torch.equal(waypoint[~far.squeeze(-1)], desired[~far.squeeze(-1)])
    assert torch.equal(waypoint[:, :3], desired[:, :3])


def test_a_goal_that_is_met_is_its_own_waypoint() -> None:
    pose = poses(10, 1.0)
    assert torch.equal(pose_waypoint(pose, pose, 0.7), pose)


def test_a_goal_that_is_a_full_turn_away_is_its_own_waypoint() -> None:
    pose = torch.tensor([0.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0])
    full_turn = torch.tensor([0.0, 0.0, 0.1, -1.0, 0.0, 0.0, 0.0])
    assert torch.equal(pose_waypoint(pose, full_turn, 0.7), full_turn)


def test_a_waypoint_without_spin_is_on_the_way_from_the_pose_with_the_goals_spin() -> None:
    achieved, desired = poses(500, 2.0), poses(500, 2.0)
    waypoint = free_spin_waypoint(achieved, desired, 0.7)
    spun = torch.cat((achieved[:, :3], with_spin_of(achieved[:, 3:], desired[:, 3:])), -1)
    _, whole = pose_errors(achieved, desired, free_spin=True)
    _, done = pose_errors(spun, waypoint, free_spin=False)
    _, left = pose_errors(waypoint, desired, free_spin=False)
    torch.testing.assert_close(done, whole.clamp(max=0.7), atol=1e-6, rtol=0)
    torch.testing.assert_close(done + left, whole, atol=1e-6, rtol=0)
