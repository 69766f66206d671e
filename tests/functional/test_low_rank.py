import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sher_rl import UsageError
from sher_rl.functional.low_rank import completed_factors, least_squares_rows, low_rank_factors


def product(factors: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    phi, psi = factors
    return phi @ psi.T


def test_factors_of_a_table_by_hand() -> None:
    # M = diag(4, 1): the greater singular value is 4, whose root both factors have
    phi, psi = low_rank_factors(torch.tensor([[4.0, 0.0], [0.0, 1.0]]), rank=1)
    assert phi.abs().tolist() == [[2.0], [0.0]]
    assert psi.abs().tolist() == [[2.0], [0.0]]


def test_a_row_is_fitted_to_its_known_entries_alone() -> None:
    # (2² + 2) φ = 2 · 6, and (2² + 5² + 2) φ = 2 · 6 + 5 · 10
    known = torch.tensor([[True, False], [True, True]])
    rows = least_squares_rows(torch.tensor([[6.0, 0.0], [6.0, 10.0]]), known, torch.tensor([[2.0], [5.0]]), ridge=2.0)
    torch.testing.assert_close(rows, torch.tensor([[2.0], [2.0]]))


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.integers(0, 1_000), st.integers(2, 6), st.integers(2, 6), st.integers(1, 2))
def test_rows_are_those_of_a_solve_for_each(seed: int, states: int, goals: int, rank: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(states, goals, generator=generator, dtype=torch.float64)
    known = torch.rand(states, goals, generator=generator) < 0.6
    psi = torch.randn(goals, rank, generator=generator, dtype=torch.float64)
    table = table.where(known, 0.0)
    rows = least_squares_rows(table, known, psi, 0.1)
    for i in range(states):
        own = psi[known[i]]
        gram = own.T @ own + 0.1 * torch.eye(rank, dtype=torch.float64)
        torch.testing.assert_close(rows[i], torch.linalg.solve(gram, own.T @ table[i, known[i]]))


def test_no_table_of_the_rank_is_nearer() -> None:
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(8, 6, generator=generator)
    error = (product(low_rank_factors(table, 3)) - table).norm()
    torch.testing.assert_close(error, torch.linalg.svdvals(table)[3:].norm())


def test_a_table_of_low_rank_is_completed_from_half_of_it() -> None:
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(40, 2, generator=generator) @ torch.randn(2, 30, generator=generator)
    known = torch.rand(40, 30, generator=generator) < 0.5
    given = table.where(known, torch.nan)
    completed = product(completed_factors(given, known, 2, ridge=1e-6, sweeps=200))
    assert (completed - table)[~known].square().mean() < 1e-3 * table.var()


def test_a_row_without_a_known_entry_has_factors_of_0() -> None:
    known = torch.tensor([[True, True], [False, False]])
    phi, _ = completed_factors(torch.ones(2, 2), known, 1)
    assert phi[1].item() == 0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: low_rank_factors(torch.ones(3), 1), r"table is torch.float32 \(3,\); use two dimensions"),
        (lambda: low_rank_factors(torch.ones(3, 2, dtype=torch.int64), 1), r"table is torch.int64 \(3, 2\)"),
        (lambda: low_rank_factors(torch.ones(3, 2), 3), "rank is 3; use 1 to 2"),
        (lambda: low_rank_factors(torch.ones(3, 2), 0), "rank is 0; use 1 to 2"),
        (
            lambda: completed_factors(torch.ones(3, 2), torch.ones(3, 2), 1),
            r"known is torch.float32 \(3, 2\);",
        ),
        (lambda: completed_factors(torch.ones(3, 2), torch.ones(2, 2).bool(), 1), r"known is torch.bool \(2, 2\)"),
        (lambda: completed_factors(torch.ones(3, 2), torch.ones(3, 2).bool(), 1, ridge=0.0), "ridge is 0.0; use a"),
    ],
)
def test_what_cannot_be_factored_is_refused(call, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        call()
