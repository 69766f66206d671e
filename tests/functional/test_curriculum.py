"""CHER's equations: literal numbers, a slow evaluation of the formula, and enumerated optima."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sher_rl.functional.curriculum import (
    SimilarityGraph,
    candidate_places,
    covered_with,
    diversity_gain,
    nearest_neighbors,
    neighbor_similarity,
    nth_remaining,
    proximity,
    proximity_weight,
    select_goals,
    similarity_graph,
)

LINE = torch.tensor([[0.0], [1.0], [3.0], [7.0]])  # nearest: 1, 0, 1, 2 at distances 1, 1, 2, 4, of mean 2


def diversity(graph: SimilarityGraph, kept: set[int]) -> float:
    """Facility location, term by term."""
    value = 0.0
    for neighbors, similarities in zip(graph.neighbor.tolist(), graph.similarity.tolist(), strict=True):
        value += max((s for k, s in zip(neighbors, similarities, strict=True) if k in kept), default=0.0)
    return value


def literal_gain(graph: SimilarityGraph, bonus: Tensor, kept: list[int], goal: int) -> float:
    return diversity(graph, {*kept, goal}) - diversity(graph, set(kept)) + bonus[goal].item()


def total(graph: SimilarityGraph, bonus: Tensor, kept: tuple[int, ...]) -> float:
    return diversity(graph, set(kept)) + sum(bonus[k].item() for k in kept)


@st.composite
def pools(draw: st.DrawFn, most: int = 24, neighbors: tuple[int, ...] = (1, 2, 4)) -> tuple[SimilarityGraph, Tensor]:
    """Graph of random goals, some of them equal, and achieved goals near them."""
    size, k = draw(st.integers(max(neighbors) + 1, most)), draw(st.sampled_from(neighbors))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    goals = rng.random((size, draw(st.integers(1, 3))), dtype=np.float32)
    goals = torch.from_numpy(goals[rng.integers(0, draw(st.integers(1, size)), size)])
    achieved = goals + 0.1 * torch.from_numpy(rng.standard_normal(goals.shape).astype(np.float32))
    return similarity_graph(goals, k), proximity(goals, achieved) * draw(st.sampled_from([0.0, 1.0, 5.0]))


def test_the_graph_of_four_goals():
    place, distance = nearest_neighbors(LINE, 1)
    assert place.flatten().tolist() == [1, 0, 1, 2]
    assert distance.flatten().tolist() == [1, 1, 2, 4]
    expected = [math.exp(-0.25), math.exp(-0.25), math.exp(-1), math.exp(-4)]
    torch.testing.assert_close(similarity_graph(LINE, 1).similarity.flatten(), torch.tensor(expected))


def test_two_neighbors_come_nearest_first():
    place, distance = nearest_neighbors(LINE, 2)
    assert place.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert distance.tolist() == [[1, 3], [1, 2], [2, 3], [4, 6]]
    mean = 22 / 8
    torch.testing.assert_close(neighbor_similarity(distance)[3, 1], torch.tensor(math.exp(-((6 / mean) ** 2))))


def test_gains_of_four_goals():
    graph, nothing = similarity_graph(LINE, 1), torch.zeros(4)
    gains = [math.exp(-0.25), math.exp(-0.25) + math.exp(-1), math.exp(-4), 0]
    torch.testing.assert_close(diversity_gain(graph, nothing), torch.tensor(gains))
    covered = covered_with(graph, nothing, torch.tensor([1]))
    torch.testing.assert_close(covered, torch.tensor([math.exp(-0.25), 0, math.exp(-1), 0]))
    torch.testing.assert_close(diversity_gain(graph, covered), torch.tensor([math.exp(-0.25), 0, math.exp(-4), 0]))


def test_a_gain_is_only_what_a_neighbor_adds_beyond_the_best_so_far():
    graph = SimilarityGraph(
        torch.tensor([[1, 2], [0, 2], [0, 1]]), torch.tensor([[0.5, 0.25], [0.5, 0.125], [0.5, 0.25]])
    )
    assert diversity_gain(graph, torch.zeros(3)).tolist() == [1.0, 0.75, 0.375]
    covered = covered_with(graph, torch.zeros(3), torch.tensor([1]))
    assert covered.tolist() == [0.5, 0.0, 0.25]
    assert diversity_gain(graph, covered).tolist() == [0.75, 0.0, 0.125]


def test_the_weight_of_an_epoch_of_the_original():
    weight = proximity_weight(torch.tensor([0, 1, 2049, 10**9]), initial=1.0, growth=1e-4)
    torch.testing.assert_close(weight, torch.tensor([1.0, 1.0001, 1.2274, 1e6]), rtol=1e-4, atol=0)
    assert proximity_weight(torch.tensor([7]), initial=0.5, growth=0.0).tolist() == [0.5]


@pytest.mark.parametrize("k", [1, 3])
def test_equal_goals_are_alike_and_can_be_told_apart_from_nothing(k):
    graph = similarity_graph(torch.ones(2, 6, 3), k)
    assert (graph.similarity == 1).all()
    kept = select_goals(graph, torch.zeros(2, 6), 6)
    assert kept.sort(-1).values.tolist() == [list(range(6))] * 2


@given(
    seed=st.integers(0, 2**32),
    size=st.integers(4, 40),
    k=st.integers(1, 3),
    dims=st.integers(1, 8),
    shift=st.sampled_from([0.0, 1.3, 1000.0]),
    distinct=st.integers(1, 40),
)
def test_neighbors_are_the_nearest(seed, size, k, dims, shift, distinct):
    rng = np.random.default_rng(seed)
    goals = (rng.standard_normal((2, size, dims)) + shift).astype(np.float32)[:, rng.integers(0, distinct, size) % size]
    place, distance = nearest_neighbors(torch.from_numpy(goals), k)
    exact = goals.astype(np.float64)
    all_pairs = np.linalg.norm(exact[:, :, None] - exact[:, None], axis=-1)
    all_pairs[:, range(size), range(size)] = np.inf
    np.testing.assert_allclose(distance.numpy(), np.sort(all_pairs, -1)[..., :k], rtol=1e-6)
    np.testing.assert_allclose(distance.numpy(), np.take_along_axis(all_pairs, place.numpy(), -1), rtol=1e-6)
    assert all(len({*row}) == k for row in place.flatten(0, 1).tolist())


@given(data=st.data(), rounds=st.integers(1, 40), more=st.integers(0, 40))
def test_rounds_of_removal_are_those_of_a_list(data, rounds, more):
    ranks = [[data.draw(st.integers(0, rounds + more - 1 - number)) for number in range(rounds)] for _ in range(2)]
    lists = [list(range(rounds + more)) for _ in ranks]
    expected = [[left.pop(rank) for rank in row] for left, row in zip(lists, ranks, strict=True)]
    assert nth_remaining(torch.tensor(ranks)).tolist() == expected


def test_every_set_of_candidates_is_as_likely():
    cells = [range(5), range(4), range(3)]
    uniform = torch.tensor(
        [[(cell + 0.5) / len(of) for cell, of in zip(row, cells, strict=True)] for row in itertools.product(*cells)]
    )
    places = candidate_places(uniform.double().unsqueeze(-2), pool=5).squeeze(-2)
    assert sorted(map(tuple, places.tolist())) == sorted(itertools.permutations(range(5), 3))


def test_candidates_remain_to_the_last_round():
    places = candidate_places(torch.rand(1000, 5, 3, dtype=torch.float64), pool=5)
    assert places.amin() == 0
    assert places.amax((0, 2)).tolist() == [4, 3, 2, 1, 0]
    assert all(len({*row}) == 3 for row in places[:, :3].flatten(0, 1).tolist())


def slow_selection(graph: SimilarityGraph, bonus: Tensor, places: list[list[int]]) -> list[int]:
    """Rounds of the formula evaluated for each candidate; of equal ones the first in the listing wins."""
    remaining = sorted(range(len(bonus)), key=lambda goal: -literal_gain(graph, bonus, [], goal))
    kept: list[int] = []
    for candidates in places:
        gains = {remaining[place]: literal_gain(graph, bonus, kept, remaining[place]) for place in sorted(candidates)}
        kept.append(max(gains, key=gains.__getitem__))
        remaining.remove(kept[-1])
    return kept


@given(seed=st.integers(0, 2**32), size=st.integers(2, 24), k=st.integers(1, 4), share=st.floats(0, 1))
def test_stochastic_selection_is_the_formula_evaluated_slowly(seed, size, k, share):
    rng, k = np.random.default_rng(seed), min(k, size - 1)
    neighbor = np.array([rng.permutation(np.delete(np.arange(size), goal))[:k] for goal in range(size)])
    similarity, bonus = rng.integers(0, 9, (size, k)) / 8, -rng.integers(0, 17, size) / 8  # sums are exact, many equal
    graph = SimilarityGraph(torch.from_numpy(neighbor), torch.from_numpy(similarity).float())
    bonus = torch.from_numpy(bonus).float()
    count = max(1, round(share * size))
    places = candidate_places(torch.from_numpy(rng.random((count, 3))), size)
    assert select_goals(graph, bonus, count, places).tolist() == slow_selection(graph, bonus, places.tolist())


@pytest.mark.parametrize("k", [1, 4])
def test_stochastic_selection_on_goals_is_the_formula_evaluated_slowly(k):
    goals = torch.rand(96, 3)
    graph, bonus = similarity_graph(goals, k), proximity(goals, torch.rand(96, 3))
    places = candidate_places(torch.rand(48, 3, dtype=torch.float64), 96)
    assert select_goals(graph, bonus, 48, places).tolist() == slow_selection(graph, bonus, places.tolist())


@given(pool=pools(most=9, neighbors=(1,)), data=st.data())
def test_greedy_on_one_neighbor_each_is_the_optimum(pool, data):
    graph, bonus = pool
    count = data.draw(st.integers(1, len(bonus)))
    best = max(total(graph, bonus, kept) for kept in itertools.combinations(range(len(bonus)), count))
    assert total(graph, bonus, tuple(select_goals(graph, bonus, count).tolist())) == pytest.approx(best, abs=1e-5)


@given(pool=pools(most=9, neighbors=(2, 3, 4)), data=st.data())
def test_greedy_reaches_its_share_of_the_optimum_if_no_bonus_is_negative(pool, data):
    graph, bonus = pool
    bonus = -bonus
    count = data.draw(st.integers(1, len(bonus)))
    best = max(total(graph, bonus, kept) for kept in itertools.combinations(range(len(bonus)), count))
    greedy = tuple(select_goals(graph, bonus, count).tolist())
    assert len({*greedy}) == count
    assert total(graph, bonus, greedy) >= (1 - 1 / math.e) * best - 1e-5


@given(pool=pools(), data=st.data())
def test_greedy_takes_the_largest_gain_of_all(pool, data):
    graph, bonus = pool
    kept: list[int] = []
    for pick in select_goals(graph, bonus, data.draw(st.integers(1, len(bonus)))).tolist():
        gains = [literal_gain(graph, bonus, kept, goal) for goal in range(len(bonus)) if goal not in kept]
        assert literal_gain(graph, bonus, kept, pick) == pytest.approx(max(gains), abs=1e-5)
        kept.append(pick)


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("stochastic", [True, False])
def test_pools_are_independent(k, stochastic):
    goals, achieved = torch.rand(2, 3, 5, 40, 3).unbind()
    graph, bonus = similarity_graph(goals, k), proximity(goals, achieved)
    places = candidate_places(torch.rand(3, 5, 20, 3, dtype=torch.float64), 40) if stochastic else None
    together = select_goals(graph, bonus, 20, places)
    for i, j in itertools.product(range(3), range(5)):
        alone = similarity_graph(goals[i, j], k)
        assert torch.equal(select_goals(alone, bonus[i, j], 20, places[i, j] if stochastic else None), together[i, j])
