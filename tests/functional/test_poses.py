import numpy as np
import pytest
import torch
from gymnasium_robotics.utils import rotations

from sher_rl.envs.make_gym import make_gym
from sher_rl.functional.poses import free_spin_difference, pose_difference, pose_errors


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
