"""UVFA's two streams on a small world with lava: end-to-end and two-stage training, by rank, on goals never seen.

python docs/examples/uvfa.py                                  # three seeds, a few minutes
python docs/examples/uvfa.py --seeds 0 --csv lava_world.csv   # one, kept
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sher_rl import GoalDims, TwoStreamCritic, fit_factors, fit_table
from sher_rl.functional.low_rank import completed_factors, low_rank_factors
from sher_rl.learners.two_stage import value_table
from sher_rl.modules.critics import TWO_STREAM_Q, DotProduct

sys.path.append(str(Path(__file__).parent))
import lava_world as lava  # the file beside this one

RANK = 20
RANKS = (2, 5, 10, 15, 20, 30)
STEPS = (150, 300, 750, 1_500, 3_000)
UNSEEN = 0.2
"""Share of the goals that training never sees."""
KNOWN = 0.3
"""Share of the entries that an incomplete table has."""
Row = dict[str, Any]


class World(NamedTuple):
    """The grid, and what the networks see of it."""

    moves: Tensor
    best: Tensor
    """Q* ``(S, 4, G)``."""
    rooms: Tensor
    states: Tensor
    """Inputs of φ, one row a cell and a move, ``(4 S, n)``."""
    goals: Tensor
    """Inputs of ψ, one row a cell, ``(G, m)``."""

    @property
    def table(self) -> Tensor:
        """Q* with one row a cell and a move, ``(4 S, G)``."""
        return self.best.flatten(0, 1)


def make_world() -> World:
    """Build the grid and solve it."""
    cells = lava.free_cells()
    moves = lava.transitions(cells)
    goals = lava.features(cells)
    taken = torch.eye(4).expand(len(cells), 4, 4)
    states = torch.cat((goals[:, None].expand(-1, 4, -1), taken), -1).flatten(0, 1)
    return World(moves, lava.optimal_values(moves), lava.room_of(cells), states, goals)


def make_critic(world: World, rank: int, seed: int) -> TwoStreamCritic:
    """φ(s, a) · ψ(g) with embeddings of the rank."""
    torch.manual_seed(seed)
    width = world.goals.shape[1]
    return TwoStreamCritic(GoalDims(width, width, 4), TWO_STREAM_Q, (128, 128), rank, DotProduct())


def two_stage(critic: TwoStreamCritic, world: World, seen: Tensor, factors: tuple[Tensor, Tensor], steps: int) -> None:
    """Two thirds of the steps on the factors of the seen goals' table, a third end to end."""
    phi, psi = factors
    first = 2 * steps // 3
    fit_factors(critic.streams[0], world.states, phi, steps=first, lr=3e-3)
    fit_factors(critic.streams[1], world.goals[seen], psi, steps=first, lr=3e-3)
    fit_table(critic, world.states, world.goals[seen], world.table[:, seen], steps=steps - first, lr=3e-4)


def end_to_end(critic: TwoStreamCritic, world: World, seen: Tensor, steps: int) -> None:
    """All steps on the seen goals' table."""
    fit_table(critic, world.states, world.goals[seen], world.table[:, seen], steps=steps, lr=3e-3)


@torch.no_grad()
def qualities(table: Tensor, world: World, seen: Tensor) -> Row:
    """Mean policy quality of a table ``(4 S, G)`` over the goals seen, and over the others."""
    quality = lava.policy_quality(table.unflatten(0, (-1, 4)), world.moves, world.best)
    return {"seen": round(quality[seen].mean().item(), 4), "unseen": round(quality[~seen].mean().item(), 4)}


def split(world: World, seed: int) -> Tensor:
    """Which goals are seen, ``(G,)`` bool."""
    return torch.rand(len(world.goals), generator=torch.Generator().manual_seed(seed)) >= UNSEEN


def by_rank(world: World, seed: int) -> Iterator[Row]:
    """Quality of the factors of the whole table, and of two-stage training, by rank."""
    seen = split(world, seed)
    for rank in RANKS:
        phi, psi = low_rank_factors(world.table, rank)
        yield {"what": "factors", "rank": rank} | qualities(phi @ psi.T, world, seen)
        critic = make_critic(world, rank, seed)
        two_stage(critic, world, seen, low_rank_factors(world.table[:, seen], rank), 1_500)
        yield {"what": "rank", "rank": rank} | qualities(value_table(critic, world.states, world.goals), world, seen)


def by_training(world: World, seed: int) -> Iterator[Row]:
    """Quality by gradient steps, end to end and in two stages."""
    seen = split(world, seed)
    factors = low_rank_factors(world.table[:, seen], RANK)
    for steps in STEPS:
        critic = make_critic(world, RANK, seed)
        end_to_end(critic, world, seen, steps)
        values = value_table(critic, world.states, world.goals)
        yield {"what": "end-to-end", "rank": RANK, "steps": steps} | qualities(values, world, seen)
        critic = make_critic(world, RANK, seed)
        two_stage(critic, world, seen, factors, steps)
        values = value_table(critic, world.states, world.goals)
        yield {"what": "two-stage", "rank": RANK, "steps": steps} | qualities(values, world, seen)


def from_incomplete_table(world: World, seed: int) -> Iterator[Row]:
    """Quality where a share of the seen goals' entries is known: the factors first, then both streams on them."""
    seen = split(world, seed)
    table = world.table[:, seen]
    known = torch.rand(table.shape, generator=torch.Generator().manual_seed(seed)) < KNOWN
    phi, psi = completed_factors(table, known, RANK, ridge=1e-2)
    critic = make_critic(world, RANK, seed)
    fit_factors(critic.streams[0], world.states, phi, steps=1_000, lr=3e-3)
    fit_factors(critic.streams[1], world.goals[seen], psi, steps=1_000, lr=3e-3)
    fit_table(critic, world.states, world.goals[seen], table, known, steps=500, lr=3e-4)
    values = value_table(critic, world.states, world.goals)
    yield {"what": "incomplete", "rank": RANK} | qualities(values, world, seen)


def in_an_unseen_room(world: World, seed: int) -> Iterator[Row]:
    """Quality for the goals of a room none of whose cells was a goal."""
    seen = world.rooms != 3
    critic = make_critic(world, RANK, seed)
    two_stage(critic, world, seen, low_rank_factors(world.table[:, seen], RANK), 1_500)
    values = value_table(critic, world.states, world.goals)
    yield {"what": "room", "rank": RANK} | qualities(values, world, seen)


def main(seeds: list[int], path: Path | None = None) -> list[Row]:
    """Run all of it, print each row, and keep them in a csv file if there is a path."""
    world = make_world()
    rows = []
    for seed in seeds:
        for experiment in (by_rank, by_training, from_incomplete_table, in_an_unseen_room):
            for row in experiment(world, seed):
                rows.append({"what": row["what"], "seed": seed, "steps": 1_500} | row)
                print(rows[-1], flush=True)
    if path:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["what", "seed", "rank", "steps", "seen", "unseen"], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--csv", type=Path, help="file to keep the rows in")
    known = parser.parse_args()
    main(known.seeds, known.csv)
