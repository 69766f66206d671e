"""Curriculum-guided hindsight experience replay (CHER) as a sampler."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from tensordict import TensorDict
from torch import Tensor
from torchrl.data.replay_buffers import Sampler, Storage

from sher_rl import _torchrl
from sher_rl.errors import UsageError, check_counts, check_numbers
from sher_rl.functional.curriculum import (
    MAX_WEIGHT,
    candidate_places,
    proximity,
    proximity_weight,
    select_goals,
    similarity_graph,
)
from sher_rl.replay.episodes import REMAINING, TRAJECTORY
from sher_rl.replay.relabel import HindsightRelabel
from sher_rl.replay.strategies import GoalChoice

_PARTS = {"full": slice(None), "position": slice(0, 3), "rotation": slice(3, 7)}
_POSE = 7
"""Numbers of a goal that is a position and a rotation, a quaternion."""
_CANDIDATES = 3
"""Candidates of a round of stochastic selection."""


class CHERSampler(Sampler):
    r"""Keep, of a pool of relabelled transitions, those whose goals are diverse and, more and more, close.

    For a batch of n it draws ``pool_ratio * n`` rows uniformly with replacement, draws their goals as ``relabel``
    does, and keeps n of them in n rounds. A round takes the candidate that adds most to

    .. math:: \sum_i \max_{k \in A} s_{ik} - \lambda \sum_{k \in A} \|g_k - g^{ag}_k\|

    where :math:`s_{ik} = \exp(-d_{ik}^2 / \bar d^2)` if goal k is among the nearest of goal i in the pool, at
    distance d, and 0 otherwise, and :math:`g^{ag}` is the goal achieved before the action. The batch read afterwards
    gets the goals that were compared. :math:`\lambda` is ``lambda_init * (1 + lambda_growth) ** step``, at most 1e6;
    a batch is a step, and after ``lambda_period`` of them it starts again.

    The buffer must store ``achieved_goal`` of each transition beside that under ``next``.

    Args:
        relabel: first transform of the buffer that is sampled, in ``mode="read"``; it names the keys.
        pool_ratio: candidates for each row of the batch, at least 2.
        batch_size: rows that are one batch. A request for m times as many is m batches in order, each of a pool of
            its own, as requests one by one would give; by default a request is a batch.
        num_neighbors: neighbours of each goal. With 1 all gains are known at once; with more, each round computes
            them anew.
        selection: ``stochastic`` compares 3 random candidates a round, ``greedy`` all that remain.
        lambda_init: weight of proximity in the first batch, from 0 to 1e6.
        lambda_growth: relative growth of the weight from batch to batch.
        lambda_period: batches after which the weight starts again, by default as many as the original draws an
            epoch; None: it never does.
        goal: what distances are taken of: the ``full`` goal, or the ``position`` (0:3) or ``rotation`` (3:7) of a
            goal of 7 numbers.
        generator: source of the draws of rows and candidates, part of the state dict; the default is the buffer's,
            or torch's own.

    Raises:
        UsageError: an argument is out of range, or ``relabel`` draws no goals at reading time; on sampling, the
            buffer is not that of ``relabel``, lacks a key, or is asked for a part of a batch.

    Curriculum-guided Hindsight Experience Replay, Fang et al., NeurIPS 2019; github.com/mengf1/CHER.

    >>> from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
    >>> from sher_rl import goal_reward, make_env
    >>> storage = LazyTensorStorage(1000)
    >>> relabel = HindsightRelabel(goal_reward("FetchReach-v4"), storage, k=4)
    >>> sampler = CHERSampler(relabel)
    >>> buffer = TensorDictReplayBuffer(storage=storage, sampler=sampler, transform=relabel, batch_size=64)
    >>> _ = buffer.extend(make_env("FetchReach-v4", num_envs=2).rollout(50))
    >>> buffer.sample()["desired_goal"].shape
    torch.Size([64, 3])
    """

    def __init__(
        self,
        relabel: HindsightRelabel,
        *,
        pool_ratio: int = 2,
        batch_size: int | None = None,
        num_neighbors: int = 1,
        selection: Literal["stochastic", "greedy"] = "stochastic",
        lambda_init: float = 1.0,
        lambda_growth: float = 1e-4,
        lambda_period: int | None = 2050,
        goal: Literal["full", "position", "rotation"] = "full",
        generator: torch.Generator | None = None,
    ) -> None:
        if relabel.mode != "read":
            raise UsageError(
                "relabel has mode='write' and draws no goals when a batch is read, so there are none to choose from; "
                "use mode='read'."
            )
        check_counts(2, pool_ratio=pool_ratio)
        optional = {"batch_size": batch_size, "lambda_period": lambda_period}
        check_counts(num_neighbors=num_neighbors, **{name: v for name, v in optional.items() if v is not None})
        check_numbers(lambda_init=lambda_init, lambda_growth=lambda_growth)
        if selection not in ("stochastic", "greedy"):
            raise UsageError(f"selection is {selection!r:.80}; use 'stochastic' or 'greedy'.")
        if not isinstance(goal, str) or goal not in _PARTS:
            raise UsageError(f"goal is {goal!r:.80}; use 'full', 'position' or 'rotation'.")
        if not (0 <= lambda_init <= MAX_WEIGHT and lambda_growth >= 0):
            raise UsageError(
                f"lambda_init is {lambda_init} and lambda_growth {lambda_growth}; use 0 to 1e6, and at least 0."
            )
        self.relabel, self.pool_ratio, self.batch_size = relabel, pool_ratio, batch_size
        self.num_neighbors, self.selection, self.goal = num_neighbors, selection, goal
        self.lambda_init, self.lambda_growth, self.lambda_period = lambda_init, lambda_growth, lambda_period
        self.generator = generator
        self._step = 0

    def sample(self, storage: Storage, batch_size: int) -> tuple[Tensor, dict[str, Any]]:
        """Return the index ``(batch_size,)`` of the rows kept, and leave their goals for the transform."""
        self._check(storage, batch_size)
        size = self.batch_size or batch_size
        pools, pool = batch_size // size, self.pool_ratio * size
        index, places = self._draw(storage, pools, size, pool)
        rows = self._candidates(storage, index)
        choice = self.relabel.choose(rows)
        goal = self._compared(self.relabel.goals(rows, choice)).unflatten(0, (pools, pool))
        achieved_goal = self._compared(rows.get(self._achieved_goal)).unflatten(0, (pools, pool))
        bonus = proximity(goal, achieved_goal) * self._weights(pools).to(goal.device).unsqueeze(-1)
        kept = select_goals(similarity_graph(goal, self.num_neighbors), bonus, size, places)
        kept = (kept + pool * torch.arange(pools, device=kept.device).unsqueeze(-1)).flatten()
        self.relabel.handover.put(index[kept], _part(choice, kept))
        self._step += pools
        return index[kept], {}

    @property
    def _achieved_goal(self) -> tuple[str, ...]:
        return self.relabel.keys.next_achieved_goal[1:]

    def _draw(self, storage: Storage, pools: int, size: int, pool: int) -> tuple[Tensor, Tensor | None]:
        """Rows ``(pools * pool,)`` and candidates of their rounds, in one draw: it goes pool after pool."""
        candidates = size * _CANDIDATES if self.selection == "stochastic" else 0
        generator = _torchrl.generator_of(self) if self.generator is None else self.generator
        device = _torchrl.columns(storage).get(REMAINING).device
        source = device if generator is None else generator.device
        uniform = torch.rand(pools, pool + candidates, dtype=torch.float64, device=source, generator=generator)
        rows, rounds = uniform.to(device).split((pool, candidates), -1)
        index = (rows * len(storage)).long().flatten()
        return index, candidate_places(rounds.unflatten(-1, (size, _CANDIDATES)), pool) if candidates else None

    def _candidates(self, storage: Storage, index: Tensor) -> TensorDict:
        """The columns that goals are drawn and compared by, at ``index``."""
        keys = self.relabel.keys
        names = (REMAINING, TRAJECTORY, keys.desired_goal, keys.next_achieved_goal, self._achieved_goal)
        rows = TensorDict({"index": index}, index.shape)
        for name in names:
            rows.set(name, _torchrl.columns(storage).get(name).index_select(0, index))
        return rows

    def _compared(self, goals: Tensor) -> Tensor:
        goals = goals.flatten(1) if goals.ndim > 1 else goals.unsqueeze(-1)
        if self.goal != "full" and goals.shape[-1] != _POSE:
            raise UsageError(
                f"goal is {self.goal!r}, a part of 7 numbers, and the goals have {goals.shape[-1]}; use 'full'."
            )
        return goals[:, _PARTS[self.goal]].float()

    def _weights(self, pools: int) -> Tensor:
        step = self._step + torch.arange(pools)
        step = step if self.lambda_period is None else step % self.lambda_period
        return proximity_weight(step, self.lambda_init, self.lambda_growth)

    def _check(self, storage: Storage, batch_size: int) -> None:
        if self.batch_size is not None and batch_size % self.batch_size:
            raise UsageError(f"{batch_size} rows were asked for; batch_size is {self.batch_size}, ask for a multiple.")
        pool = self.pool_ratio * (self.batch_size or batch_size)
        if self.num_neighbors >= pool:
            raise UsageError(f"num_neighbors is {self.num_neighbors}, in a pool of {pool} goals; use less.")
        if not len(storage):
            raise UsageError("The buffer is empty; write transitions before sampling.")
        buffers = _torchrl.buffers_of(storage)
        if storage is not self.relabel.storage or not any(self.relabel in b.transform.modules() for b in buffers):
            raise UsageError(
                "relabel is not a transform of the buffer that is sampled; give CHERSampler the one it has."
            )
        if _torchrl.columns(storage).get(self._achieved_goal, None) is None:
            raise UsageError(
                f"The buffer lacks {self._achieved_goal}, the goal achieved before the action, which goals are "
                "compared with; store it beside that under 'next'."
            )

    def state_dict(self) -> dict[str, Any]:
        """Batches drawn so far and, if the sampler has one, the generator's state."""
        state: dict[str, Any] = {"step": self._step}
        return state if self.generator is None else state | {"generator": self.generator.get_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        self._step = int(state_dict["step"])
        if self.generator is not None:
            self.generator.set_state(state_dict["generator"])

    def dumps(self, path: str | Path) -> None:
        """Save the state dict in the folder ``path``."""
        Path(path).mkdir(exist_ok=True)
        torch.save(self.state_dict(), Path(path) / "cher.pt")

    def loads(self, path: str | Path) -> None:
        """Load what :meth:`dumps` saved."""
        self.load_state_dict(torch.load(Path(path) / "cher.pt"))

    def _empty(self) -> None:
        """Keep the step: the schedule counts batches, whatever the buffer holds."""

    def __repr__(self) -> str:
        return (
            f"CHERSampler(pool_ratio={self.pool_ratio}, num_neighbors={self.num_neighbors}, "
            f"selection={self.selection!r}, goal={self.goal!r}, lambda={self._weights(1).item():.4g})"
        )


def _part(choice: GoalChoice, place: Tensor) -> GoalChoice:
    return GoalChoice(
        relabelled=choice.relabelled[place],
        slot=choice.slot[place],
        offset=choice.offset[place],
        foreign=None if choice.foreign is None else choice.foreign[place],
        desired=None if choice.desired is None else choice.desired[place],
    )
