import pytest
import torch
from torch import nn
from torchrl.modules import MLP

from sher_rl import GoalDims, TwoStreamCritic, UsageError, fit_factors, fit_table
from sher_rl.functional.low_rank import low_rank_factors
from sher_rl.learners.two_stage import value_table
from sher_rl.modules.critics import TWO_STREAM_V, DotProduct

DIMS = GoalDims(observation=6, goal=5, action=0)


def make_critic(seed: int = 0, join: nn.Module | None = None) -> TwoStreamCritic:
    torch.manual_seed(seed)
    return TwoStreamCritic(DIMS, TWO_STREAM_V, (32,), 2, join or DotProduct())


def make_table() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, 2, generator=generator) @ torch.randn(2, 5, generator=generator)


def test_a_table_of_the_rank_is_learned_end_to_end() -> None:
    critic, table = make_critic(), make_table()
    errors = fit_table(critic, torch.eye(6), torch.eye(5), table, steps=300, lr=1e-2)
    assert errors[-1] < 1e-3 < errors[0]
    torch.testing.assert_close(value_table(critic, torch.eye(6), torch.eye(5)), table, atol=0.1, rtol=0)


def test_a_table_has_the_values_of_each_pair() -> None:
    critic, states, goals = make_critic(), torch.randn(4, 6), torch.randn(3, 5)
    table = value_table(critic, states, goals)
    for i in range(4):
        for j in range(3):
            torch.testing.assert_close(table[i, j], critic(states[i], goals[j]).squeeze())


def test_streams_that_have_learned_the_factors_have_the_table() -> None:
    critic, table = make_critic(), make_table()
    for stream, factors in zip(critic.streams, low_rank_factors(table, 2), strict=True):
        fit_factors(stream, torch.eye(len(factors)), factors, steps=300, lr=1e-2)
    torch.testing.assert_close(value_table(critic, torch.eye(6), torch.eye(5)), table, atol=0.1, rtol=0)


def test_entries_that_are_not_known_are_not_read() -> None:
    table, known = make_table(), torch.ones(6, 5, dtype=torch.bool)
    known[1, 2] = False
    ends = []
    for value in (torch.nan, 100.0):
        critic = make_critic()
        table[1, 2] = value
        ends.append(fit_table(critic, torch.eye(6), torch.eye(5), table, known, steps=20, lr=1e-2))
    assert torch.equal(*ends)
    assert ends[0].isfinite().all()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: fit_factors(nn.Linear(3, 2), torch.ones(4, 3), torch.ones(4, 5), steps=1, lr=1e-3),
            r"factors has the shape \(4, 5\); use \(4, 2\)",
        ),
        (
            lambda: fit_table(make_critic(), torch.eye(6), torch.eye(5), torch.ones(5, 6), steps=1, lr=1e-3),
            r"table has the shape \(5, 6\); use \(6, 5\)",
        ),
        (
            lambda: fit_table(
                make_critic(join=MLP(4, 1, num_cells=[])), torch.eye(6), torch.eye(5), make_table(), steps=1, lr=1e-3
            ),
            "critic joins with a MLP; only a dot product",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        call()
