"""Hindsight when a batch is read: rows are annotated as they are written, and get fresh goals each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor
from torchrl.data import TensorDictRoundRobinWriter
from torchrl.data.replay_buffers import Storage

from sher_rl import _torchrl
from sher_rl.errors import UsageError
from sher_rl.replay.continuity import GoalPath, follows_slot, last_rows
from sher_rl.replay.episodes import OpenEpisode, annotation, flat
from sher_rl.replay.keys import REMAINING, TRAJECTORY, trajectory_ids
from sher_rl.replay.next_batch import NextBatchGoals
from sher_rl.replay.rewrite import Rewriter, beside, scatter
from sher_rl.replay.ring import Ring, check_storage, ring_buffer, storage_ring
from sher_rl.replay.slices import one_goal_a_slice, slice_length
from sher_rl.replay.strategies import GoalChoice, Place, choose_goals


class RelabelOnRead:
    """What :class:`~sher_rl.HindsightRelabel` does with ``mode="read"``.

    Args:
        rewriter: what gives rows their goals.
        storage: the buffer's.
        bounds: of :func:`~sher_rl.replay.strategies.goal_bounds`.
        generator: source of the draws; None for torch's own.
        goal_noise: see :class:`~sher_rl.HindsightRelabel`.

    Raises:
        UsageError: the storage is no ring of single transitions.
    """

    def __init__(
        self,
        rewriter: Rewriter,
        storage: Storage | None,
        bounds: Mapping[str, float],
        generator: torch.Generator | None,
        goal_noise: float,
    ) -> None:
        self.rewriter = rewriter
        self.goal_noise = goal_noise
        self.storage = check_storage(storage)
        self.bounds = bounds
        self.generator = generator
        self.next_goals = NextBatchGoals()
        self._open: OpenEpisode | None = None
        self._past = 0  # revisions of the storages whose state this one took over

    def write(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Flatten a write, and annotate each row with its episode and the steps that it has left."""
        rows = flat(tensordict)
        if len(rows) > self.storage.max_size:
            raise UsageError(f"One write of {len(rows)} transitions exceeds the storage of {self.storage.max_size}.")
        writer = ring_buffer(self.storage).writer
        self._slice_length()  # what cannot be read is refused before it is written
        cursor = _torchrl.next_slot(writer)
        hindsight = self._annotate(tensordict, rows, cursor)
        # In this order the storage is written, and the annotation has to be there before the goals.
        annotated = TensorDict({"hindsight": hindsight}, rows.batch_size, device=rows.device).update(rows)
        if not isinstance(writer, TensorDictRoundRobinWriter):  # that one stores the index itself
            slots = (cursor + torch.arange(len(rows), device=rows.device)) % self.storage.max_size
            annotated.set("index", slots)
        return annotated if tensordict.ndim else annotated[0]

    def read(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Relabel rows as the storage holds them, in place, but for the storage's own."""
        if tensordict is _torchrl.columns(self.storage):  # ``buffer[:]`` of a full buffer
            return self.read(tensordict.copy())
        if tensordict.ndim != 1:  # the buffer was indexed, and not sampled
            return self.read(tensordict.reshape(-1)).reshape(tensordict.shape)
        ring = storage_ring(self.storage)
        choice = self.next_goals.take(tensordict.get("index", None)) or self._choose(tensordict, ring)
        goal, offset = self._goals(tensordict, choice, ring)
        goal = scatter(goal, choice.relabelled, self.goal_noise, self.generator)
        after = self.rewriter.goals_after(tensordict, goal, choice.relabelled)
        return self.rewriter.set_goals(tensordict, goal, after, choice.relabelled, offset)

    def choose(self, rows: TensorDictBase) -> GoalChoice:
        """See :meth:`sher_rl.HindsightRelabel.choose`."""
        return self._choose(rows, storage_ring(self.storage))

    def goals(self, rows: TensorDictBase, choice: GoalChoice) -> Tensor:
        """See :meth:`sher_rl.HindsightRelabel.goals`."""
        return self._goals(rows, choice, storage_ring(self.storage))[0]

    def _annotate(self, tensordict: TensorDictBase, rows: TensorDictBase, cursor: int) -> TensorDict:
        """Annotation of a write whose ``rows`` go to the slots from ``cursor`` on."""
        keys = self.rewriter.keys
        end = keys.ends(tensordict)
        ids = trajectory_ids(tensordict)
        hindsight = annotation(last_rows(end, ids, GoalPath.of(tensordict, keys)))
        capacity = self.storage.max_size
        hindsight["trajectory"] += cursor
        hindsight["trajectory"] %= capacity
        hindsight["trajectory"] += (1 + self._past + _torchrl.revision(self.storage)) * capacity
        going_on = self._going_on(rows, ids, cursor)
        if going_on is not None and going_on.length + len(rows) <= capacity:
            going_on.join(hindsight, self.storage, cursor)
        self._open = OpenEpisode.of(hindsight, end, ids, self.storage, cursor)
        return hindsight

    def _going_on(self, rows: TensorDictBase, ids: Tensor | None, cursor: int) -> OpenEpisode | None:
        """The episode that the write before left open, if these rows go on with it."""
        left_open = self._open
        if left_open is None or left_open.revision != _torchrl.revision(self.storage):
            return None
        slot = (cursor - 1) % self.storage.max_size
        columns = _torchrl.columns(self.storage)
        if left_open.may_go_on(ids, len(rows)) and follows_slot(rows, self.rewriter.keys, columns, slot):
            return left_open
        if len(rows) == 1 and left_open.lone:
            raise UsageError(
                "A transition does not go on with the one before it, which is unfinished and alone, as where several "
                "environments are written in turns; extend with [env, time], and set truncated where an episode is cut."
            )
        return None

    def _choose(self, rows: TensorDictBase, ring: Ring) -> GoalChoice:
        index = rows.get("index", None)
        remaining = rows.get(REMAINING, None)
        if index is None or remaining is None:
            lacking = "index" if index is None else REMAINING
            raise UsageError(
                f"The rows read lack {lacking!r}; write them through a buffer that has this transform, and whose "
                "writer is the default or TensorDictRoundRobinWriter()."
            )
        at = Place(index, remaining, rows.get(TRAJECTORY), ring)
        choice = self.rewriter.with_motion(rows, choose_goals(at, self.bounds, self.generator), at)
        length = self._slice_length()
        return choice if length is None else one_goal_a_slice(choice, at, length)

    def _slice_length(self) -> int | None:
        return slice_length(self.storage, ends_change=self.rewriter.terminated_fn is not None)

    def _goals(self, rows: TensorDictBase, choice: GoalChoice, ring: Ring) -> tuple[Tensor, Tensor]:
        """Goals and their offsets; where a slot was overwritten since the rows were read, the row's own outcome."""
        goal = self.rewriter.goals_at(choice, ring.columns)
        offset = choice.offset
        # Read after the goal, and counted before a row is stored: a goal that was just overwritten never passes.
        if _torchrl.rows_stored(self.storage) == ring.capacity:
            goal, offset = self._intact(rows, choice, ring, goal)
        return self.rewriter.goals_of(rows, choice, goal), offset

    def _intact(self, rows: TensorDictBase, choice: GoalChoice, ring: Ring, goal: Tensor) -> tuple[Tensor, Tensor]:
        """Goals of slots of a full ring, where they still are of the row's episode."""
        stored = ring.columns.get(TRAJECTORY).index_select(0, choice.slot)
        own = rows.get(TRAJECTORY)
        if torch.equal(stored, own):
            return goal, choice.offset
        intact = stored == own if choice.foreign is None else (stored == own) | choice.foreign
        outcome = rows.get(self.rewriter.keys.next_achieved_goal)
        return torch.where(beside(intact, goal), goal, outcome), choice.offset * intact

    def state_dict(self) -> dict[str, Any]:
        """The episode left open, and what keeps numbers of episodes apart."""
        left_open = None if self._open is None else tuple(self._open)
        return {"open": left_open, "past": self._past + _torchrl.revision(self.storage)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave, after the rows."""
        revision = _torchrl.revision(self.storage)
        left_open = state.get("open")
        self._open = None if left_open is None else OpenEpisode(*left_open)._replace(revision=revision)
        self._past = max(self._past, state.get("past", 0) - revision)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": None}  # what a copy writes goes on with nothing
