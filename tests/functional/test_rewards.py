import math

import pytest
import torch
from torch import Tensor

from sher_rl.functional.rewards import dense_point_reward, dense_pose_reward, point_reward, pose_reward

POSE = torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])


def turned(angle: float, axis: int) -> Tensor:
    pose = POSE.clone()
    pose[0, 3] = math.cos(angle / 2)
    pose[0, 4 + axis] = math.sin(angle / 2)
    return pose


def test_points_within_the_distance_are_met() -> None:
    achieved = torch.tensor([[3.0, 0.0], [3.0, 4.1], [0.0, 0.0]])
    assert point_reward(achieved, torch.zeros(3, 2), distance=5.0).tolist() == [[0.0], [-1.0], [0.0]]
    assert dense_point_reward(achieved[:1], torch.tensor([[0.0, 4.0]])).tolist() == [[-5.0]]


@pytest.mark.parametrize(
    ("achieved", "reward"),
    [
        (POSE, 0.0),
        (POSE + torch.tensor([0.009, 0, 0, 0, 0, 0, 0]), 0.0),
        (POSE + torch.tensor([0.011, 0, 0, 0, 0, 0, 0]), -1.0),
        (turned(0.09, axis=2), 0.0),
        (turned(0.11, axis=2), -1.0),
    ],
)
def test_a_pose_is_met_in_position_and_in_rotation(achieved: Tensor, reward: float) -> None:
    assert pose_reward(achieved, POSE, distance=0.01, angle=0.1, free_spin=False).item() == reward


def test_a_free_spin_about_z_does_not_count() -> None:
    assert pose_reward(turned(2.0, axis=2), POSE, distance=0.01, angle=0.1, free_spin=True).item() == 0.0
    assert pose_reward(turned(2.0, axis=0), POSE, distance=0.01, angle=0.1, free_spin=True).item() == -1.0


def test_dense_poses_cost_ten_times_the_metres_and_the_radians() -> None:
    achieved = turned(0.5, axis=0) + torch.tensor([0.3, 0, 0, 0, 0, 0, 0])
    assert dense_pose_reward(achieved, POSE, free_spin=False).item() == pytest.approx(-3.5)


def test_float32_goals_are_judged_in_float64() -> None:
    achieved = torch.tensor([[1e4 + 0.05]], dtype=torch.float64)
    assert point_reward(achieved, torch.tensor([[1e4]]), distance=0.0501).item() == 0.0
