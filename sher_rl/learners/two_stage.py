"""Two streams learned from a table of values: each from its factors first, both together afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from sher_rl.errors import UsageError
from sher_rl.modules.critics import DotProduct, TwoStreamCritic


def fit_factors(stream: nn.Module, inputs: Tensor, factors: Tensor, *, steps: int, lr: float) -> Tensor:
    """Let a stream learn the factors of a table, the second stage of Schaul et al. (ICML 2015).

    Args:
        stream: one of ``critic.streams``; its weights change.
        inputs: ``(rows, n)``, what it reads of each row or column of the table.
        factors: ``(rows, embedding)``, from :func:`~sher_rl.functional.low_rank.low_rank_factors` or
            :func:`~sher_rl.functional.low_rank.completed_factors`.
        steps: of Adam, each on all rows.
        lr: Adam's step size.

    Returns:
        The mean squared error before each step, ``(steps,)``.

    Raises:
        UsageError: the factors are of another shape than what the stream writes.

    >>> errors = fit_factors(nn.Linear(1, 1), torch.ones(4, 1), torch.ones(4, 1), steps=50, lr=0.1)
    >>> bool(errors[-1] < errors[0])
    True
    """
    written = stream(inputs[:1]).shape[1:]
    if factors.shape != (len(inputs), *written):
        expected = (len(inputs), *written)
        raise UsageError(f"factors has the shape {tuple(factors.shape)}; use {expected}, as the stream writes.")
    return _descend(stream.parameters(), lambda: (stream(inputs) - factors).square().mean(), steps, lr)


def fit_table(
    critic: TwoStreamCritic,
    states: Tensor,
    goals: Tensor,
    table: Tensor,
    known: Tensor | None = None,
    *,
    steps: int,
    lr: float,
) -> Tensor:
    """Let both streams of φ · ψ learn a table of values end to end; the third stage, or the only one.

    Each step is on the whole table, at the price of ``S + G`` rows in the networks, since the table of a dot product is
    one matrix product.

    Args:
        critic: joined by :class:`~sher_rl.modules.critics.DotProduct`; its weights change.
        states: ``(S, n)``, what the first stream reads.
        goals: ``(G, m)``, what the second reads.
        table: ``(S, G)``, the values.
        known: ``(S, G)`` bool, which entries count; None for all.
        steps: of Adam.
        lr: Adam's step size.

    Returns:
        The mean squared error of the known entries before each step, ``(steps,)``.

    Raises:
        UsageError: the critic has another join, or the table another shape.

    >>> from sher_rl import GoalDims
    >>> from sher_rl.modules.critics import TWO_STREAM_V
    >>> critic = TwoStreamCritic(GoalDims(2, 2, 0), TWO_STREAM_V, (16,), 3, DotProduct())
    >>> fit_table(critic, torch.eye(2), torch.eye(2), torch.eye(2), steps=10, lr=1e-2).shape
    torch.Size([10])
    """
    if type(critic.join) is not DotProduct:
        raise UsageError(f"critic joins with a {type(critic.join).__name__}; only a dot product fits a whole table.")
    if table.shape != (len(states), len(goals)):
        raise UsageError(f"table has the shape {tuple(table.shape)}; use {(len(states), len(goals))}, states by goals.")
    known = torch.ones_like(table, dtype=torch.bool) if known is None else known
    values = table[known]

    def loss() -> Tensor:
        return (value_table(critic, states, goals)[known] - values).square().mean()

    return _descend(critic.parameters(), loss, steps, lr)


def value_table(critic: TwoStreamCritic, states: Tensor, goals: Tensor) -> Tensor:
    """Values ``(S, G)`` of a critic that is joined by a dot product, for every pair."""
    first, second = critic.streams
    return first(states) @ second(goals).T


def _descend(parameters: Iterable[nn.Parameter], loss: Callable[[], Tensor], steps: int, lr: float) -> Tensor:
    optimizer = torch.optim.Adam(parameters, lr=lr)
    losses = torch.empty(steps)
    for step in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        losses[step] = value.detach()
    return losses
