"""A grid of four rooms between walls of lava, with the exact values of every goal."""

import torch
from torch import Tensor

MAP = """
#################
#.......#.......#
#.......#..##...#
#..#....#.......#
#..#............#
#.......#....#..#
#....#..#.......#
#.......#.......#
#####.#####.#####
#.......#.......#
#..#....#.......#
#.......#...##..#
#...............#
#....##.#..#....#
#.......#.......#
#.......#.......#
#################
"""
"""``#`` is lava, which ends an episode."""
MOVES = torch.tensor([[-1, 0], [1, 0], [0, -1], [0, 1]])
GAMMA = 0.95


def free_cells() -> Tensor:
    """Row and column of each free cell, ``(S, 2)``."""
    rows = MAP.strip().splitlines()
    return torch.tensor([[i, j] for i, row in enumerate(rows) for j, cell in enumerate(row) if cell == "."])


def transitions(cells: Tensor) -> Tensor:
    """Cell that each of the four moves leads to, ``(S, 4)``; ``S`` itself stands for lava."""
    reached = cells[:, None] + MOVES
    same = (reached[:, :, None] == cells).all(-1)
    return torch.where(same.any(-1), same.long().argmax(-1), len(cells))


def room_of(cells: Tensor) -> Tensor:
    """Number of each cell's room, 0 to 3; doors belong to the room above or to the left."""
    return 2 * (cells[:, 0] > 8) + (cells[:, 1] > 8)


def features(cells: Tensor) -> Tensor:
    """What the networks see of a cell: its row and its column, each as 17 bits and as waves, ``(S, 50)``."""
    bits = torch.nn.functional.one_hot(cells, 17).flatten(1)
    angles = (cells.float() / 16)[..., None] * torch.pi * 2.0 ** torch.arange(-1, 3)
    return torch.cat((bits, torch.cat((angles.sin(), angles.cos()), -1).flatten(1)), -1)


def values_after(value: Tensor, moves: Tensor) -> Tensor:
    """Value of each move, ``(S, 4, G)``, from that of each cell, ``(S, G)``: 1 at the goal, 0 in lava."""
    goals = value.shape[1]
    padded = torch.cat((value, torch.zeros(1, goals)))
    return torch.where(moves[..., None] == torch.arange(goals), 1.0, GAMMA * padded[moves])


def optimal_values(moves: Tensor, sweeps: int = 100) -> Tensor:
    """Q* ``(S, 4, G)`` with every cell as a goal, by value iteration; the goal ends the episode."""
    value = torch.zeros(len(moves), len(moves))
    for _ in range(sweeps):
        value = values_after(value, moves).amax(1)
    return values_after(value, moves)


def policy_values(policy: Tensor, moves: Tensor, sweeps: int = 100) -> Tensor:
    """Discounted return ``(S, G)`` of action probabilities ``(S, 4, G)``, for every start and goal."""
    value = torch.zeros(len(moves), len(moves))
    for _ in range(sweeps):
        value = (policy * values_after(value, moves)).sum(1)
    return value


def greedy(q: Tensor) -> Tensor:
    """Probabilities of the policy that takes the best move, ``(S, 4, G) -> (S, 4, G)``."""
    return torch.nn.functional.one_hot(q.argmax(1), 4).movedim(-1, 1).float()


def policy_quality(q: Tensor, moves: Tensor, best: Tensor) -> Tensor:
    """Return of the greedy policy for each goal, ``(G,)``: that of random moves is 0, that of the best policy 1.

    Args:
        q: values ``(S, 4, G)``, of any source.
        moves: see :func:`transitions`.
        best: Q*, see :func:`optimal_values`.
    """
    random, own, most = (
        policy_values(policy, moves).mean(0) for policy in (torch.full_like(q, 0.25), greedy(q), greedy(best))
    )
    return (own - random) / (most - random)
