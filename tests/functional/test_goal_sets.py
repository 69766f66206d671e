import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sher_rl.functional.goal_sets import keep_apart, log_kernel_density

coordinate = st.integers(-6, 6).map(lambda number: number / 2)
goals = st.lists(st.tuples(coordinate, coordinate), max_size=12).map(
    lambda rows: torch.tensor(rows, dtype=torch.float32).reshape(-1, 2)
)


def test_density_by_hand() -> None:
    sample = torch.tensor([[0.0, 0.0], [2.0, 0.0]], dtype=torch.float64)
    density = log_kernel_density(torch.tensor([[1.0, 0.0]], dtype=torch.float64), sample, bandwidth=0.5)
    assert density.item() == pytest.approx(-math.log(2 * math.pi * 0.25) - 2.0)  # both are two bandwidths away


def test_density_is_one_over_a_line() -> None:
    x = torch.linspace(-4, 4, 2001, dtype=torch.float64).unsqueeze(1)
    sample = torch.tensor([[-1.0], [0.3], [1.0]], dtype=torch.float64)
    density = log_kernel_density(x, sample, bandwidth=0.2).exp()
    assert torch.trapezoid(density, x.squeeze(1)).item() == pytest.approx(1.0, abs=1e-6)


def test_a_point_far_from_all_has_a_density_above_minus_infinity() -> None:
    assert log_kernel_density(torch.tensor([[1e3]]), torch.zeros(2, 1), bandwidth=0.1).item() < -1e7
    assert log_kernel_density(torch.tensor([[1e3]]), torch.zeros(2, 1), bandwidth=0.1).isfinite().all()


def kept_one_by_one(new: torch.Tensor, kept: torch.Tensor, distance: float) -> list[bool]:
    """Brute force: add each goal that is far from all that are there by then."""
    there = kept.tolist()
    added = []
    for goal in new.tolist():
        far = all(math.dist(goal, other) >= distance for other in there)
        added.append(far)
        if far:
            there.append(goal)
    return added


@given(new=goals, kept=goals, distance=st.sampled_from([0.0, 0.6, 1.2, 2.1]))
def test_goals_are_kept_as_one_by_one(new: torch.Tensor, kept: torch.Tensor, distance: float) -> None:
    assert keep_apart(new, kept, distance).tolist() == kept_one_by_one(new, kept, distance)
