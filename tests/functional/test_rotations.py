import math

import numpy as np
import pytest
import torch
from gymnasium_robotics.utils import rotations

from sher_rl.functional.rotations import (
    euler_to_quaternion,
    quaternion_product,
    quaternion_to_euler,
    roll_pitch_yaw,
    rotation_angle,
    rotation_matrix,
)


def test_rotations_are_those_of_gymnasium_robotics() -> None:
    rng = np.random.default_rng(0)
    quaternion = rng.normal(size=(1000, 4))
    euler = rng.uniform(-4, 4, size=(1000, 3))
    np.testing.assert_allclose(
        quaternion_to_euler(torch.tensor(quaternion)), rotations.quat2euler(quaternion), atol=1e-12
    )
    np.testing.assert_allclose(euler_to_quaternion(torch.tensor(euler)), rotations.euler2quat(euler), atol=1e-12)


def test_products_and_matrices_are_those_of_gymnasium_robotics() -> None:
    left, right = np.random.default_rng(1).normal(size=(2, 1000, 4))
    product = quaternion_product(torch.tensor(left), torch.tensor(right))
    np.testing.assert_allclose(product, rotations.quat_mul(left, right), atol=1e-12)
    matrix = rotation_matrix(torch.tensor(left))
    np.testing.assert_allclose(matrix, rotations.quat2mat(left), atol=1e-12)


def test_euler_angles_at_a_pole() -> None:
    pole = np.array([[math.cos(math.pi / 4), 0.0, math.sin(math.pi / 4), 0.0], [0.5, 0.5, 0.5, 0.5]])
    np.testing.assert_allclose(quaternion_to_euler(torch.tensor(pole)), rotations.quat2euler(pole), atol=1e-7)


def test_opposite_quaternions_count_as_a_full_turn() -> None:
    q = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    assert rotation_angle(q, q).item() == 0.0
    assert rotation_angle(q, -q).item() == pytest.approx(2 * math.pi)


def test_roll_pitch_and_yaw_are_those_of_the_textbook():
    quaternion = torch.nn.functional.normalize(torch.randn(1000, 4, dtype=torch.float64), dim=-1)
    w, x, y, z = quaternion.unbind(-1)
    roll = torch.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = torch.asin((2 * (w * y - z * x)).clamp(-1, 1))
    yaw = torch.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    torch.testing.assert_close(roll_pitch_yaw(quaternion), torch.stack((roll, pitch, yaw), -1))
