import itertools

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from sher_rl.functional.symmetries import axis_direction, axis_line, cube_axes, rate_in_world

SPINS = Rotation.from_euler("z", np.arange(720).reshape(-1, 1) / 2, degrees=True)
SPINS_AND_FLIPS = Rotation.concatenate([SPINS, Rotation.from_euler("x", np.pi) * SPINS])
CUBE = Rotation.create_group("O")
SYMMETRIES = [(axis_direction, SPINS), (axis_line, SPINS_AND_FLIPS), (cube_axes, CUBE)]


def matrices(rotations: Rotation) -> torch.Tensor:
    return torch.from_numpy(rotations.as_matrix())


@pytest.mark.parametrize(("features", "group"), SYMMETRIES)
def test_symmetric_rotations_have_the_same_numbers(features, group: Rotation) -> None:
    for rotation in Rotation.random(20, rng=np.random.default_rng(0)):
        values = features(matrices(rotation * group))
        torch.testing.assert_close(values, values[:1].expand_as(values))


@pytest.mark.parametrize(("features", "group"), SYMMETRIES)
def test_other_rotations_have_other_numbers(features, group: Rotation) -> None:
    """At least a third as far apart as the closest of the symmetric rotations is."""
    rng = np.random.default_rng(1)
    for rotation, turn in zip(Rotation.random(300, rng=rng), Rotation.random(300, rng=rng), strict=True):
        pair = Rotation.concatenate([rotation, rotation * turn**0.3])
        first, second = features(matrices(pair))
        angle = (turn**0.3 * group).magnitude().min()
        assert (first - second).norm() > angle / 3 - 0.01


def test_the_other_entries_follow_from_those_of_the_cube() -> None:
    """All of the tensor of fourth order, by hand: entries without the nine are sums of them."""
    rotation = Rotation.random(rng=np.random.default_rng(2))
    axes = rotation.as_matrix()
    tensor = np.einsum("ia,ja,ka,la->ijkl", axes, axes, axes, axes)
    xxxx, yyyy, zzzz, xxxy, xxxz, xyyy, yyyz, xzzz, yzzz = cube_axes(matrices(rotation)).numpy()
    entries = [tensor[i] for i in [(0,) * 4, (1,) * 4, (2,) * 4, (0, 0, 0, 1), (0, 0, 0, 2), (1, 1, 1, 0)]]
    np.testing.assert_allclose([xxxx, yyyy, zzzz, xxxy, xxxz, xyyy], entries)
    np.testing.assert_allclose([yyyz, xzzz, yzzz], [tensor[1, 1, 1, 2], tensor[2, 2, 2, 0], tensor[2, 2, 2, 1]])
    np.testing.assert_allclose(tensor[0, 0, 1, 2], -yyyz - yzzz)
    np.testing.assert_allclose(tensor[0, 0, 1, 1], (1 + zzzz - xxxx - yyyy) / 2)


def test_the_rate_is_turned_as_scipy_turns_it() -> None:
    rng = np.random.default_rng(3)
    rotations, rates = Rotation.random(50, rng=rng), rng.normal(size=(50, 3))
    turned = rate_in_world(matrices(rotations), torch.from_numpy(rates))
    np.testing.assert_allclose(turned.numpy(), rotations.apply(rates), atol=1e-12)


def test_numbers_have_the_batch_of_the_matrices() -> None:
    for features, width in [(axis_direction, 3), (axis_line, 5), (cube_axes, 9)]:
        for batch in itertools.chain([()], [(2,), (2, 3)]):
            assert features(torch.randn(*batch, 3, 3)).shape == (*batch, width)
