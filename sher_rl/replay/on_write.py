"""Hindsight when a transition is written: it is stored again with other goals, as Algorithm 1 has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tensordict import TensorDictBase

from sher_rl.errors import UsageError
from sher_rl.replay.continuity import GoalPath, last_rows
from sher_rl.replay.episodes import annotation, flat
from sher_rl.replay.keys import REMAINING, TRAJECTORY, trajectory_ids
from sher_rl.replay.rewrite import Rewriter, scatter
from sher_rl.replay.ring import Ring
from sher_rl.replay.strategies import Place, choose_goals


class RelabelOnWrite:
    """What :class:`~sher_rl.HindsightRelabel` does with ``mode="write"``.

    Args:
        rewriter: what gives rows their goals.
        bounds: of :func:`~sher_rl.replay.strategies.write_bounds`.
        k: relabelled copies of each transition.
        generator: source of the draws; None for torch's own.
        goal_noise: see :class:`~sher_rl.HindsightRelabel`.
    """

    def __init__(
        self,
        rewriter: Rewriter,
        bounds: Mapping[str, float],
        k: int,
        generator: torch.Generator | None,
        goal_noise: float,
    ) -> None:
        self.rewriter = rewriter
        self.goal_noise = goal_noise
        self.bounds = bounds
        self.k = k
        self.generator = generator

    def write(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Flatten a write, and append ``k`` relabelled copies of it."""
        rows = flat(tensordict)
        end = self.rewriter.keys.ends(tensordict)
        ids = trajectory_ids(tensordict)
        if not tensordict.ndim or (len(rows) == 1 and not end.any() and ids is None):
            raise UsageError("A single transition was written in mode='write'; write episodes, with extend.")
        n = len(rows)
        rows.set("hindsight", annotation(last_rows(end, ids, GoalPath.of(tensordict, self.rewriter.keys))))
        slot = torch.arange(n, device=rows.device).repeat(self.k + 1)
        stored = rows[slot]
        at = Place(slot, stored.get(REMAINING), stored.get(TRAJECTORY), Ring(rows, capacity=n, oldest=0, alive=n))
        choice = self.rewriter.with_motion(stored, choose_goals(at, self.bounds, self.generator), at)
        choice.relabelled[:n] = False
        choice.offset[:n] = 0
        goal = self.rewriter.goals_of(stored, choice, self.rewriter.goals_at(choice, rows))
        goal = scatter(goal, choice.relabelled, self.goal_noise, self.generator)
        after = self.rewriter.goals_after(stored, goal, choice.relabelled)
        self.rewriter.set_goals(stored, goal, after, choice.relabelled, choice.offset)
        return stored.exclude(REMAINING, TRAJECTORY)

    def read(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Leave a batch as it is stored."""
        return tensordict

    def state_dict(self) -> dict[str, Any]:
        """Nothing: each write stands alone."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over nothing."""
