"""Pools of transitions whose goals are drawn and compared before a batch is chosen among them."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from tensordict import TensorDict
from torch import Tensor
from torchrl.data.replay_buffers import Storage

from sher_rl import _torchrl
from sher_rl.errors import UsageError
from sher_rl.functional.curriculum import candidate_places
from sher_rl.replay.keys import REMAINING, TRAJECTORY, Keys
from sher_rl.replay.relabel import HindsightRelabel

GoalPart = Literal["full", "position", "rotation"]
_PARTS = {"full": slice(None), "position": slice(0, 3), "rotation": slice(3, 7)}
_POSE = 7
"""Numbers of a goal that is a position and a rotation, a quaternion."""
_CANDIDATES = 3
"""Candidates of a round of stochastic selection."""


def check_pool(relabel: HindsightRelabel, storage: Storage) -> None:
    """Refuse a storage that is not ``relabel``'s, or whose rows lack what goals are compared with.

    Raises:
        UsageError: naming what is wrong.
    """
    if not len(storage):
        raise UsageError("The buffer is empty; write transitions before sampling.")
    buffers = _torchrl.buffers_of(storage)
    if storage is not relabel.storage or not any(relabel in buffer.transform.modules() for buffer in buffers):
        raise UsageError("relabel is not a transform of the buffer that is sampled; give CHERSampler the one it has.")
    if _torchrl.columns(storage).get(relabel.keys.achieved_goal, None) is None:
        raise UsageError(
            f"The buffer lacks {relabel.keys.achieved_goal!r}, the goal achieved before the action, which goals are "
            "compared with; store it beside that under 'next'."
        )


def draw_pools(
    rows: int, pools: int, pool: int, rounds: int, generator: torch.Generator | None, device: torch.device
) -> tuple[Tensor, Tensor | None]:
    """Draw rows uniformly with replacement, and places of candidates among them; pool after pool, in one draw.

    Args:
        rows: rows to draw from.
        pools: how many pools.
        pool: rows of each.
        rounds: rounds of stochastic selection, each with 3 candidates; 0 for none.
        generator: source of the draws, on any device; None for torch's own.
        device: where the result is.

    Returns:
        Rows ``(pools * pool,)`` and places ``(pools, rounds, 3)``, or None without rounds.

    >>> index, places = draw_pools(100, 2, 8, 4, None, torch.device("cpu"))
    >>> index.shape, places.shape
    (torch.Size([16]), torch.Size([2, 4, 3]))
    """
    source = device if generator is None else generator.device
    candidates = rounds * _CANDIDATES
    uniform = torch.rand(pools, pool + candidates, dtype=torch.float64, device=source, generator=generator)
    of_rows, of_rounds = uniform.to(device).split((pool, candidates), -1)
    index = (of_rows * rows).long().flatten()
    if not rounds:
        return index, None
    return index, candidate_places(of_rounds.unflatten(-1, (rounds, _CANDIDATES)), pool)


def pool_rows(storage: Storage, index: Tensor, keys: Keys) -> TensorDict:
    """The columns that goals are drawn and compared by, at ``index``, ``(B,)``."""
    columns = _torchrl.columns(storage)
    rows = TensorDict({"index": index}, index.shape)
    for name in (REMAINING, TRAJECTORY, keys.desired_goal, keys.next_achieved_goal, keys.achieved_goal):
        rows.set(name, columns.get(name).index_select(0, index))
    return rows


def check_part(goal: GoalPart) -> None:
    """Refuse a part of a goal that is not known.

    Raises:
        UsageError: naming it.
    """
    if not isinstance(goal, str) or goal not in get_args(GoalPart):
        raise UsageError(f"goal is {goal!r:.80}; use 'full', 'position' or 'rotation'.")


def part_of(goals: Tensor, part: GoalPart) -> Tensor:
    """The numbers of goals ``(B, *g)`` that distances are taken of, float32 ``(B, d)``.

    Raises:
        UsageError: a part of a pose is wanted, and the goals have not 7 numbers.

    >>> part_of(torch.arange(7.0).unsqueeze(0), "rotation")
    tensor([[3., 4., 5., 6.]])
    """
    goals = goals.flatten(1) if goals.ndim > 1 else goals.unsqueeze(-1)
    if part != "full" and goals.shape[-1] != _POSE:
        raise UsageError(f"goal is {part!r}, a part of 7 numbers, and the goals have {goals.shape[-1]}; use 'full'.")
    return goals[:, _PARTS[part]].float()
