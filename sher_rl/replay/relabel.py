"""Hindsight relabelling as a transform of a TorchRL replay buffer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from tensordict import NestedKey, TensorDict, TensorDictBase
from torch import Tensor
from torchrl.data import TensorDictRoundRobinWriter
from torchrl.data.replay_buffers import Storage
from torchrl.envs import Transform

from sher_rl import _torchrl
from sher_rl.errors import UsageError
from sher_rl.functional.rewards import RewardFn
from sher_rl.replay.chosen import GoalHandover
from sher_rl.replay.episodes import REMAINING, TRAJECTORY, Keys, OpenEpisode, annotation, flat
from sher_rl.replay.ring import Ring, check_storage, ring_buffer, storage_ring
from sher_rl.replay.strategies import GoalChoice, Place, Strategy, choose_goals, goal_bounds, write_bounds


class HindsightRelabel(Transform):
    """Replace desired goals by achieved ones and recompute the rewards: hindsight experience replay for any buffer.

    ``mode="read"`` annotates transitions as they are written and relabels each batch as it is sampled, with fresh
    goals and at a cost that depends on the batch alone. ``mode="write"`` stores every transition ``k`` more times
    with goals drawn once (lines 12-15 of Algorithm 1); it needs no storage and works in any buffer. Both draw the
    same distribution. Put the transform first in a :class:`~torchrl.envs.Compose`, so that concatenation and
    normalisation see the new goal.

    A goal is a ``("next", "achieved_goal")``, what an action led to, of

    * ``future``: the row's own step or a later one of its episode, uniformly;
    * ``final``: the last step of its episode;
    * ``episode``: any step of its episode that the buffer still holds;
    * ``random``: any row of the buffer (``mode="read"`` only);

    or, for ``actual``, the *desired* goal of a row of another episode (``mode="read"`` only).

    Data are written with time last, ``[*envs, time]`` or ``[time]``. An episode ends where done, terminated or
    truncated says so, where ``("collector", "traj_ids")`` changes, if present, and at the end of what one write
    holds of an environment: an unfinished episode offers the goals it has so far. In ``mode="read"`` a write goes
    on with the episode at the end of the write just before it if both have the same trajectory id or, without ids,
    if both are single transitions, as ``add`` writes them.

    A batch gets ``desired_goal``, ``("next", "desired_goal")`` and ``("next", "reward")`` in every row, with
    ``terminated_fn`` also ``terminated`` and ``done`` under ``next``, and ``("hindsight", "relabelled")``, bool, and
    ``("hindsight", "offset")``, int64, the rows from the transition to its goal, both ``(B,)``. The annotation takes
    12 bytes a transition.

    Args:
        reward_fn: from achieved and desired goals ``(B, *g)`` to rewards ``(B, 1)``; see
            :func:`~sher_rl.goal_reward`.
        storage: the buffer's own :class:`~torchrl.data.LazyTensorStorage` or
            :class:`~torchrl.data.LazyMemmapStorage`, one-dimensional; only ``mode="read"`` uses it.
        strategy: name of a strategy, or weights such as ``{"future": 0.4, "actual": 0.4, "real": 0.2}``, where
            ``real`` keeps the goal. Without ``real``, ``k`` or ``ratio`` says how many rows keep it.
        k: relabelled goals for each original one: a row is relabelled with probability ``k / (k + 1)``. For
            ``mode="write"`` a whole number.
        mode: ``read`` or ``write``.
        ratio: that probability itself, in place of ``k``.
        terminated_fn: like ``reward_fn``, to bool ``(B, 1)``, for tasks that end at success: the new ``terminated``
            of relabelled rows. ``done`` becomes ``terminated | truncated``.
        generator: source of the draws, part of the state dict; the default is torch's own.
        achieved_goal_key: name in the data, without ``next``; likewise ``desired_goal_key``, ``reward_key``,
            ``terminated_key``, ``truncated_key`` and ``done_key``.

    Raises:
        UsageError: an argument is out of range; on write or read, a key is missing, a reward is not ``(B, 1)``, or
            the buffer does not keep single transitions in the order of time.

    Hindsight Experience Replay, arXiv:1707.01495, section 4.5; Algorithm 1 of arXiv:2002.02089.

    >>> from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
    >>> from sher_rl import goal_reward, make_env
    >>> storage = LazyTensorStorage(1000)
    >>> relabel = HindsightRelabel(goal_reward("FetchReach-v4"), storage, k=4)
    >>> buffer = TensorDictReplayBuffer(storage=storage, transform=relabel, batch_size=256)
    >>> _ = buffer.extend(make_env("FetchReach-v4", num_envs=2).rollout(50))
    >>> buffer.sample()["next", "reward"].shape
    torch.Size([256, 1])
    """

    def __init__(
        self,
        reward_fn: RewardFn,
        storage: Storage | None = None,
        *,
        strategy: Strategy | Mapping[str, float] = "future",
        k: float = 4,
        mode: Literal["read", "write"] = "read",
        ratio: float | None = None,
        terminated_fn: Callable[[Tensor, Tensor], Tensor] | None = None,
        generator: torch.Generator | None = None,
        achieved_goal_key: NestedKey = "achieved_goal",
        desired_goal_key: NestedKey = "desired_goal",
        reward_key: NestedKey = "reward",
        terminated_key: NestedKey = "terminated",
        truncated_key: NestedKey = "truncated",
        done_key: NestedKey = "done",
    ) -> None:
        super().__init__()
        if mode not in ("read", "write"):
            raise UsageError(f"mode is {mode!r}; use 'read' or 'write'.")
        if mode == "read":
            check_storage(storage)
        self.bounds = (goal_bounds if mode == "read" else write_bounds)(strategy, k, ratio)
        self.reward_fn, self.terminated_fn, self.generator = reward_fn, terminated_fn, generator
        self.mode, self.k = mode, k
        self.__dict__["storage"] = storage
        self.keys = Keys.named(achieved_goal_key, desired_goal_key, reward_key, terminated_key, truncated_key, done_key)
        self._open: OpenEpisode | None = None
        self.handover = GoalHandover()
        self._past = 0  # revisions of the storages whose state this one took over

    def _inv_call(self, tensordict: TensorDictBase) -> TensorDictBase:
        optional = {self.keys.next_desired_goal, self.keys.next_truncated}
        if 0 in tensordict.shape:
            raise UsageError("A write has no transitions; write at least one.")
        self.keys.check(tensordict, optional if self.terminated_fn else optional | {self.keys.next_terminated})
        if self.mode == "write":
            return self._with_copies(tensordict)
        rows = self._annotated(tensordict)
        return rows if tensordict.ndim else rows[0]

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Relabel a batch of rows as the storage holds them, in place; after ``mode="write"`` do nothing."""
        if self.mode == "write":
            return tensordict
        if tensordict.ndim != 1:  # the buffer was indexed, and not sampled
            return self.forward(tensordict.reshape(-1)).reshape(tensordict.shape)
        ring = storage_ring(self.storage)
        choice = self.handover.take(tensordict.get("index", None)) or self._choose(tensordict, ring)
        return self._relabel(tensordict, choice, ring)

    def choose(self, rows: TensorDictBase) -> GoalChoice:
        """Draw the slots that the goals of rows come from; for samplers that look at goals before a batch is read.

        Args:
            rows: ``(B,)`` as the storage holds them, at least ``index`` and ``hindsight``.
        """
        return self._choose(rows, storage_ring(self.storage))

    def goals(self, rows: TensorDictBase, choice: GoalChoice) -> Tensor:
        """Goals ``(B, *g)`` of ``rows`` after ``choice``, of :meth:`choose`."""
        return self._goals(rows, choice, storage_ring(self.storage))[0]

    def _choose(self, rows: TensorDictBase, ring: Ring) -> GoalChoice:
        index, remaining = rows.get("index", None), rows.get(REMAINING, None)
        if index is None or remaining is None:
            lacking = "index" if index is None else REMAINING
            raise UsageError(
                f"The rows read lack {lacking!r}; write them through a buffer that has this transform, and whose "
                "writer is the default or TensorDictRoundRobinWriter()."
            )
        at = Place(index, remaining, rows.get(TRAJECTORY), ring)
        return choose_goals(at, self.bounds, self.generator)

    def _goals(self, rows: TensorDictBase, choice: GoalChoice, ring: Ring) -> tuple[Tensor, Tensor]:
        """Goals and their offsets; where a slot was overwritten since the rows were read, the row's own outcome."""
        desired, offset = rows.get(self.keys.desired_goal), choice.offset
        goal = ring.columns.get(self.keys.next_achieved_goal).index_select(0, choice.slot)
        if choice.desired is not None:
            other = ring.columns.get(self.keys.desired_goal).index_select(0, choice.slot)
            goal = torch.where(_like(choice.desired, goal), other, goal)
        # Read after the goal, and counted before a row is stored: a goal that was just overwritten never passes.
        if self.mode == "read" and _torchrl.rows_stored(self.storage) == ring.capacity:
            goal, offset = self._intact(rows, choice, ring, goal)
        return torch.where(_like(choice.relabelled, goal), goal.to(desired.dtype), desired), offset

    def _intact(self, rows: TensorDictBase, choice: GoalChoice, ring: Ring, goal: Tensor) -> tuple[Tensor, Tensor]:
        """Goals of slots of a full ring, where they still are of the row's episode."""
        stored, own = ring.columns.get(TRAJECTORY).index_select(0, choice.slot), rows.get(TRAJECTORY)
        if torch.equal(stored, own):
            return goal, choice.offset
        intact = stored == own if choice.foreign is None else (stored == own) | choice.foreign
        return torch.where(_like(intact, goal), goal, rows.get(self.keys.next_achieved_goal)), choice.offset * intact

    def _relabel(self, rows: TensorDictBase, choice: GoalChoice, ring: Ring) -> TensorDictBase:
        goal, offset = self._goals(rows, choice, ring)
        achieved, stored = rows.get(self.keys.next_achieved_goal), rows.get(self.keys.next_reward)
        reward = _column("reward_fn", self.reward_fn(achieved, goal), len(goal))
        _torchrl.set_column(rows, self.keys.desired_goal, goal)
        _torchrl.set_column(rows, self.keys.next_desired_goal, goal)
        _torchrl.set_column(rows, self.keys.next_reward, reward.to(stored))
        if self.terminated_fn is not None:
            terminated = _column("terminated_fn", self.terminated_fn(achieved, goal), len(goal)).bool()
            self._set_ends(rows, terminated, choice.relabelled.unsqueeze(-1))
        _torchrl.set_column(rows, ("hindsight", "relabelled"), choice.relabelled)
        _torchrl.set_column(rows, ("hindsight", "offset"), offset)
        return rows

    def _set_ends(self, rows: TensorDictBase, terminated: Tensor, relabelled: Tensor) -> None:
        stored, done = rows.get(self.keys.next_terminated), rows.get(self.keys.next_done)
        truncated = rows.get(self.keys.next_truncated, None)
        truncated = done & ~stored if truncated is None else truncated
        _torchrl.set_column(rows, self.keys.next_terminated, torch.where(relabelled, terminated, stored))
        _torchrl.set_column(rows, self.keys.next_done, torch.where(relabelled, terminated | truncated, done))

    def _annotated(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Flatten a write and annotate it."""
        storage, rows = self.storage, flat(tensordict)
        writer = ring_buffer(storage).writer
        n = len(rows)
        if n > storage.max_size:
            raise UsageError(f"One write of {n} transitions exceeds the storage of {storage.max_size}.")
        end, ids = self.keys.ends(tensordict)
        hindsight = annotation(end, ids)
        revision = _torchrl.revision(storage)
        cursor = _torchrl.next_slot(writer)
        hindsight["trajectory"] += cursor
        hindsight["trajectory"] %= storage.max_size
        hindsight["trajectory"] += (1 + self._past + revision) * storage.max_size
        if self._open is not None and self._open.goes_on(revision, ids, n, storage.max_size):
            self._open.join(hindsight, storage, cursor)
        self._open = OpenEpisode.of(hindsight, end, ids, storage, cursor)
        # In this order the storage is written, and the annotation has to be there before the goals.
        annotated = TensorDict({"hindsight": hindsight}, rows.batch_size, device=rows.device).update(rows)
        if not isinstance(writer, TensorDictRoundRobinWriter):  # that one stores the index itself
            annotated.set("index", (cursor + torch.arange(n, device=rows.device)) % storage.max_size)
        return annotated

    def _with_copies(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Flatten a write and append ``k`` relabelled copies of it."""
        rows, (end, ids) = flat(tensordict), self.keys.ends(tensordict)
        if not tensordict.ndim or (len(rows) == 1 and not end.any() and ids is None):
            raise UsageError("A single transition was written in mode='write'; write episodes, with extend.")
        n, copies = len(rows), int(self.k) + 1
        rows.set("hindsight", annotation(end, ids))
        slot = torch.arange(n, device=rows.device).repeat(copies)
        stored = rows[slot]
        ring = Ring(rows, capacity=n, oldest=0, alive=n)
        at = Place(slot, stored.get(REMAINING), stored.get(TRAJECTORY), ring)
        choice = choose_goals(at, self.bounds, self.generator)
        choice.relabelled[:n], choice.offset[:n] = False, 0
        self._relabel(stored, choice, ring)
        return stored.exclude(REMAINING, TRAJECTORY)

    def get_extra_state(self) -> dict[str, Any]:
        """State of the generator, the episode left open, and what keeps numbers of episodes apart."""
        state: dict[str, Any] = {"open": None if self._open is None else tuple(self._open)}
        if self.generator is not None:
            state["generator"] = self.generator.get_state()
        return state if self.storage is None else state | {"past": self._past + _torchrl.revision(self.storage)}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_extra_state` gave."""
        self._open = None
        if state.get("open") is not None:  # the rows are loaded by now, and the next write goes on with them
            self._open = OpenEpisode(*state["open"])._replace(revision=_torchrl.revision(self.storage))
        if self.generator is not None and "generator" in state:
            self.generator.set_state(state["generator"])
        if self.storage is not None:
            self._past = max(self._past, state.get("past", 0) - _torchrl.revision(self.storage))

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_open": None}  # what a copy writes goes on with nothing


def _like(mask: Tensor, value: Tensor) -> Tensor:
    return mask.view(-1, *(1,) * (value.ndim - 1))


def _column(name: str, value: Tensor, rows: int) -> Tensor:
    if value.shape != (rows, 1):
        raise UsageError(f"{name} returned the shape {tuple(value.shape)} for {rows} rows; it has to be {(rows, 1)}.")
    return value
