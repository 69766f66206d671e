"""The equations of curriculum-guided hindsight experience replay (CHER) as pure tensor functions.

A pool of candidate goals is scored by diversity, facility location on the graph of nearest neighbours, and by
proximity to what is achieved; rounds of selection keep a part of it. Leading dimensions are independent pools.
Source: Curriculum-guided Hindsight Experience Replay (Fang et al., NeurIPS 2019) and its code, github.com/mengf1/CHER.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

MAX_WEIGHT = 1e6
"""The weight of proximity stops here, where it has long outweighed diversity, and float32 has room left."""


class SimilarityGraph(NamedTuple):
    """The nearest neighbours of each goal of a pool, itself not among them."""

    neighbor: Tensor
    """Their places in the pool, int64 ``(*pools, N, k)``."""
    similarity: Tensor
    """How similar they are, from 0 to 1, of the same shape."""


def nearest_neighbors(goals: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Places and Euclidean distances of the ``k`` other goals nearest to each, nearest first.

    Args:
        goals: float32 ``(*pools, N, d)``, with ``N > k``.

    Returns:
        int64 and float32, both ``(*pools, N, k)``.

    >>> place, distance = nearest_neighbors(torch.tensor([[0.0], [1.0], [3.0]]), k=1)
    >>> place.flatten().tolist(), distance.flatten().tolist()
    ([1, 0, 1], [1.0, 1.0, 2.0])
    """
    pools = goals.reshape(-1, *goals.shape[-2:])
    # A pool at a time: the matrix of its distances stays in the processor's cache.
    place = torch.stack([_nearest_places(pool, k) for pool in pools]).reshape(*goals.shape[:-1], k)
    nearest = goals.gather(-2, place.flatten(-2).unsqueeze(-1).expand(*place.shape[:-2], -1, goals.shape[-1]))
    return place, torch.linalg.vector_norm(nearest.unflatten(-2, place.shape[-2:]) - goals.unsqueeze(-2), dim=-1)


def _nearest_places(goals: Tensor, k: int) -> Tensor:
    """Places ``(N, k)`` by the squared distance less a constant of each row, to 53 bits: float32 goals need 48."""
    centered = goals.double() - goals.double().mean(0)
    distance = torch.addmm(centered.square().sum(-1), centered, centered.mT, alpha=-2)
    distance.fill_diagonal_(torch.inf)
    places = [distance.min(-1).indices]
    for _ in range(k - 1):
        distance.scatter_(-1, places[-1].unsqueeze(-1), torch.inf)
        places.append(distance.min(-1).indices)
    return torch.stack(places, -1)


def neighbor_similarity(distance: Tensor) -> Tensor:
    r"""Similarity of neighbours: :math:`\exp(-d^2 / \bar d^2)`, with the pool's mean distance; 1 where that is 0.

    Args:
        distance: ``(*pools, N, k)``.

    >>> neighbor_similarity(torch.tensor([[1.0], [3.0]])).flatten()
    tensor([0.7788, 0.1054])
    >>> neighbor_similarity(torch.zeros(2, 1)).flatten()
    tensor([1., 1.])
    """
    mean = distance.mean((-2, -1), keepdim=True)
    return torch.exp(-(distance / mean.where(mean > 0, 1)).square())


def similarity_graph(goals: Tensor, k: int) -> SimilarityGraph:
    """Graph of the ``k`` nearest neighbours of goals ``(*pools, N, d)``.

    >>> similarity_graph(torch.tensor([[0.0], [1.0], [3.0]]), k=1).similarity.flatten()
    tensor([0.5698, 0.5698, 0.1054])
    """
    place, distance = nearest_neighbors(goals, k)
    return SimilarityGraph(place, neighbor_similarity(distance))


def diversity_gain(graph: SimilarityGraph, covered: Tensor) -> Tensor:
    r"""What each goal would add to the diversity of a set: :math:`\sum_i \max(0, s_{ik} - c_i)`.

    Diversity is facility location, :math:`F(A) = \sum_i \max_{k \in A} s_{ik}`, with :math:`s_{ik} = 0` unless k is
    a neighbour of i. With one neighbour each, a gain does not depend on the set.

    Args:
        graph: of :func:`similarity_graph`.
        covered: :math:`c_i = \max_{k \in A} s_{ik}`, ``(*pools, N)``; zeros for the empty set.

    >>> graph = SimilarityGraph(torch.tensor([[1], [0], [1]]), torch.tensor([[0.5], [0.5], [0.25]]))
    >>> diversity_gain(graph, torch.zeros(3))
    tensor([0.5000, 0.7500, 0.0000])
    """
    more = (graph.similarity - covered.unsqueeze(-1)).clamp_min(0)
    return torch.zeros_like(covered).scatter_add(-1, graph.neighbor.flatten(-2), more.flatten(-2))


def covered_with(graph: SimilarityGraph, covered: Tensor, pick: Tensor) -> Tensor:
    """What is ``covered``, ``(*pools, N)``, once the goals at ``pick``, ``(*pools, 1)``, are in the sets.

    >>> graph = SimilarityGraph(torch.tensor([[1], [0], [1]]), torch.tensor([[0.5], [0.5], [0.25]]))
    >>> covered_with(graph, torch.zeros(3), torch.tensor([1]))
    tensor([0.5000, 0.0000, 0.2500])
    """
    return torch.maximum(covered, (graph.similarity * (graph.neighbor == pick.unsqueeze(-1))).amax(-1))


def proximity(goal: Tensor, achieved_goal: Tensor) -> Tensor:
    r"""Closeness of goals to what is achieved before the action: :math:`-\|g - g^{ag}\|`, ``(*, d) -> (*)``.

    >>> proximity(torch.tensor([0.0, 3.0]), torch.tensor([4.0, 0.0]))
    tensor(-5.)
    """
    return -torch.linalg.vector_norm(goal - achieved_goal, dim=-1)


def proximity_weight(step: Tensor, initial: float, growth: float) -> Tensor:
    r"""Weight of proximity in the batch of each step: :math:`\lambda_0 (1 + \tau)^{step}`, at most 1e6.

    >>> proximity_weight(torch.tensor([0, 2, 100_000]), initial=1.0, growth=0.1)
    tensor([1.0000e+00, 1.2100e+00, 1.0000e+06])
    """
    return (initial * (1 + growth) ** step.double()).clamp_max(MAX_WEIGHT).float()


def nth_remaining(rank: Tensor) -> Tensor:
    """Places that rounds take from a list if each takes, and removes, the ``rank``-th of what remains.

    The places of two blocks of rounds are joined: the later one's, which count what the earlier one left, move up
    by as many as the earlier one took at or below them. So n rounds need log2(n) joins, and no loop over rounds.

    Args:
        rank: int64 ``(*, rounds)``, counted from 0.

    >>> nth_remaining(torch.tensor([1, 0, 0, 3]))
    tensor([1, 0, 2, 6])
    """
    rounds = rank.shape[-1]
    power_of_two = 1 << (rounds - 1).bit_length()
    place = torch.nn.functional.pad(rank, (0, power_of_two - rounds))
    size = 1
    while size < power_of_two:
        earlier, later = place.unflatten(-1, (-1, 2, size)).unbind(-2)
        taken = earlier.sort(-1).values - torch.arange(size, device=rank.device)
        later = later + torch.searchsorted(taken, later.contiguous(), right=True)
        place = torch.stack((earlier, later), -2).flatten(-3)
        size *= 2
    return place[..., :rounds]


def candidate_places(uniform: Tensor, pool: int) -> Tensor:
    """Different places, for each round, among the goals that earlier rounds have left of a pool.

    Args:
        uniform: draws from [0, 1), ``(*pools, rounds, candidates)``; float64, lest some places are likelier.
        pool: goals before the first round, at least as many as rounds.

    Returns:
        int64 of the same shape, ``0..pool - 1 - round``. Where fewer goals than candidates remain, some are equal.

    >>> candidate_places(torch.tensor([[0.0, 0.0, 0.9], [0.9, 0.9, 0.9]]), pool=10).tolist()
    [[0, 1, 9], [8, 7, 6]]
    """
    rounds = torch.arange(uniform.shape[-2], device=uniform.device)
    candidates = torch.arange(uniform.shape[-1], device=uniform.device)
    remaining = (pool - rounds).unsqueeze(-1)
    rank = (uniform * (remaining - candidates).clamp_min(1)).long()
    return torch.minimum(nth_remaining(rank), remaining - 1)


def select_goals(graph: SimilarityGraph, bonus: Tensor, count: int, places: Tensor | None = None) -> Tensor:
    """Choose goals in rounds, each the candidate that adds most: its gain in diversity and its bonus.

    Args:
        graph: of a pool of N goals.
        bonus: what a goal adds by itself, ``(*pools, N)``: proximity by its weight.
        count: rounds, at most N.
        places: candidates of each round, of :func:`candidate_places`, for stochastic greedy selection; by default
            all that remain are candidates. Places count the remaining goals by their gain in the first round,
            largest first.

    Returns:
        Places in the pool, all different, int64 ``(*pools, count)``.

    >>> graph = SimilarityGraph(torch.tensor([[1], [0], [1]]), torch.tensor([[0.5], [0.5], [0.25]]))
    >>> select_goals(graph, torch.tensor([-0.5, -0.5, -0.125]), count=2)
    tensor([1, 0])
    """
    covered = torch.zeros_like(bonus)
    listing = (diversity_gain(graph, covered) + bonus).argsort(dim=-1, descending=True, stable=True)
    if graph.neighbor.shape[-1] > 1:
        return _select_by_marginal_gain(graph, bonus, count, places, listing)
    # Gains stay as they are, so the best candidate is the first in the listing.
    if places is None:
        return listing[..., :count]
    return listing.gather(-1, nth_remaining(places.amin(-1)))


def _select_by_marginal_gain(
    graph: SimilarityGraph, bonus: Tensor, count: int, places: Tensor | None, remaining: Tensor
) -> Tensor:
    covered = torch.zeros_like(bonus)
    picks = []
    for number in range(count):
        among = remaining
        if places is not None:
            # Sorted, so that of equal goals the first in the listing wins.
            among = remaining.gather(-1, places[..., number, :].sort(-1).values)
        gain = (diversity_gain(graph, covered) + bonus).gather(-1, among)
        pick = among.gather(-1, gain.argmax(-1, keepdim=True))
        covered = covered_with(graph, covered, pick)
        remaining = remaining[remaining != pick].reshape(*pick.shape[:-1], -1)
        picks.append(pick)
    return torch.cat(picks, -1)
