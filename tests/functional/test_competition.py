"""Rewards that two agents exchange, held against a double loop and against numbers by hand."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sher_rl import meeting_bonus, meeting_penalty
from sher_rl.functional.competition import meetings

POSITIONS = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=40)


def by_loops(a: list[tuple[int, int]], b: list[tuple[int, int]], distance: float) -> tuple[list[float], list[float]]:
    """Rewards of A and of B, as the paper says them."""
    reward_a = [0.0] * len(a)
    reward_b = [0.0] * len(b)
    for i, mine in enumerate(a):
        matched = [j for j, theirs in enumerate(b) if math.dist(mine, theirs) < distance]
        if matched:
            reward_a[i] -= 1
        for j in matched:
            reward_b[j] += 1
    return reward_a, reward_b


@given(a=POSITIONS, b=POSITIONS, distance=st.sampled_from([0.5, 1.0, math.sqrt(2), 2.5, 9.0]))
def test_both_agents_get_what_a_double_loop_gives(
    a: list[tuple[int, int]], b: list[tuple[int, int]], distance: float
) -> None:
    first, second = (torch.tensor(positions, dtype=torch.float64) for positions in (a, b))
    reward_a, reward_b = by_loops(a, b, distance)
    assert meeting_penalty(first, second, distance).flatten().tolist() == reward_a
    assert meeting_bonus(second, first, distance).flatten().tolist() == reward_b


def test_states_exactly_at_the_distance_do_not_meet() -> None:
    own = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert meetings(own, torch.zeros(1, 2), 5.0).flatten().tolist() == [True, False]


def test_a_meeting_costs_one_however_many_there_are_and_brings_one_each() -> None:
    here: Tensor = torch.zeros(3, 2)
    assert meeting_penalty(here[:1], here, 0.1).tolist() == [[-1.0]]
    assert meeting_bonus(here[:1], here, 0.1).tolist() == [[3.0]]


def test_large_batches_far_from_the_origin_are_measured_exactly() -> None:
    """By matrix products, 0.001 apart at 1000 would be lost."""
    own = torch.full((300, 2), 1000.0)
    rival = own + torch.tensor([0.001, 0.0])
    assert not meetings(own, rival, 0.0005).any()
