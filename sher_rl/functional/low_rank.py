"""Low-rank factors of a table of values: the first stage of training two streams (Schaul et al., ICML 2015)."""

from __future__ import annotations

import torch
from torch import Tensor

from sher_rl.errors import UsageError


def low_rank_factors(table: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Factors whose product is the nearest table of a rank: M ≈ Φ Ψᵀ, by singular values, which both share alike.

    Args:
        table: ``(S, G)``, floating point; one row a state, or a state and action, one column a goal.
        rank: ``n``, from 1 to the smaller of ``S`` and ``G``.

    Returns:
        Φ ``(S, n)`` and Ψ ``(G, n)``.

    Raises:
        UsageError: the table has another number of dimensions, or the rank is out of range.

    >>> phi, psi = low_rank_factors(torch.tensor([[2.0, 4.0], [1.0, 2.0]]), rank=1)
    >>> phi @ psi.T
    tensor([[2.0000, 4.0000],
            [1.0000, 2.0000]])
    """
    _check(table, rank)
    left, values, right = torch.linalg.svd(table, full_matrices=False)
    root = values[:rank].sqrt()
    return left[:, :rank] * root, right[:rank].T * root


def completed_factors(
    table: Tensor, known: Tensor, rank: int, *, ridge: float = 1e-3, sweeps: int = 50
) -> tuple[Tensor, Tensor]:
    """Factors of a table of which only some entries are known, by alternating least squares.

    Minimises the squared error of the known entries and ``ridge`` times the squared norms of the factors. Schaul et al.
    used OptSpace. Draws nothing: it begins with the factors of the table whose unknown entries are 0.

    Args:
        table: ``(S, G)``; what is not known there is not read.
        known: ``(S, G)`` bool.
        rank: ``n``, from 1 to the smaller of ``S`` and ``G``.
        ridge: above 0, so that a row or column without a known entry has factors of 0.
        sweeps: how often both factors are solved for.

    Returns:
        Φ ``(S, n)`` and Ψ ``(G, n)``.

    Raises:
        UsageError: ``known`` has another shape or dtype, or a number is out of range.

    >>> table = torch.tensor([[2.0, 4.0], [1.0, torch.nan]])
    >>> phi, psi = completed_factors(table, ~table.isnan(), rank=1, ridge=1e-6)
    >>> (phi @ psi.T).round(decimals=2)
    tensor([[2., 4.],
            [1., 2.]])
    """
    _check(table, rank)
    if known.shape != table.shape or known.dtype is not torch.bool:
        raise UsageError(f"known is {known.dtype} {tuple(known.shape)}; use bool {tuple(table.shape)}, as the table.")
    if not ridge > 0:
        raise UsageError(f"ridge is {ridge}; use a number above 0.")
    filled = table.where(known, 0.0)
    phi, psi = low_rank_factors(filled, rank)
    for _ in range(sweeps):
        phi = least_squares_rows(filled, known, psi, ridge)
        psi = least_squares_rows(filled.T, known.T, phi, ridge)
    return phi, psi


def least_squares_rows(table: Tensor, known: Tensor, psi: Tensor, ridge: float) -> Tensor:
    """Row factors that fit the known entries best, given those of the columns.

    Row i solves (Ψᵀ diag(kᵢ) Ψ + ridge I) φᵢ = Ψᵀ diag(kᵢ) mᵢ, all of them in one batched solve.

    Args:
        table: ``(S, G)``, 0 where it is not known.
        known: ``(S, G)`` bool.
        psi: ``(G, n)``.
        ridge: above 0.

    >>> known = torch.tensor([[True, False]])
    >>> least_squares_rows(torch.tensor([[6.0, 0.0]]), known, torch.tensor([[2.0], [5.0]]), ridge=2.0)
    tensor([[2.]])
    """
    rank = psi.shape[1]
    products = (psi[:, :, None] * psi[:, None, :]).flatten(1)
    gram = (known.to(psi.dtype) @ products).unflatten(1, (rank, rank))
    return torch.linalg.solve(gram + ridge * torch.eye(rank).to(psi), table @ psi)


def _check(table: Tensor, rank: int) -> None:
    if table.ndim != 2 or not table.is_floating_point():
        raise UsageError(f"table is {table.dtype} {tuple(table.shape)}; use two dimensions of floating point.")
    if not 1 <= rank <= min(table.shape):
        raise UsageError(f"rank is {rank}; use 1 to {min(table.shape)}, the smaller side of the table.")
