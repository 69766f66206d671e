"""The ring of stored rows that goals are drawn from, and the buffers that are one."""

from __future__ import annotations

from functools import cache
from types import NoneType
from typing import Any, NamedTuple

from tensordict import TensorDictBase
from torchrl.data import ReplayBuffer, RoundRobinWriter, TensorStorage
from torchrl.data.replay_buffers import ConsumingSampler, Storage, Transition

from sher_rl import _torchrl
from sher_rl.errors import UsageError


class Ring(NamedTuple):
    """Rows in the order of time from slot ``oldest`` on, round ``capacity`` slots, of which ``alive`` hold one.

    ``columns`` are all slots: a storage's, or those of a single write.
    """

    columns: TensorDictBase
    capacity: int
    oldest: int
    alive: int

    @property
    def full(self) -> bool:
        """Whether each slot holds a row; until then none was overwritten, and no episode goes round the end."""
        return self.alive == self.capacity


def storage_ring(storage: Storage) -> Ring:
    """Rows of a buffer's storage as a ring.

    Raises:
        UsageError: the storage is empty, or its buffer does not fit; see :func:`ring_buffer`.
    """
    buffer = ring_buffer(storage)
    alive = _torchrl.rows_stored(storage)
    capacity = storage.max_size
    if not alive:
        raise UsageError("storage is empty; give HindsightRelabel the storage of the buffer that it transforms.")
    oldest = _torchrl.next_slot(buffer.writer) if alive == capacity else 0
    return Ring(_torchrl.columns(storage), capacity, oldest, alive)


def check_storage(storage: Storage | None) -> Storage:
    """Return a storage that can be a ring of single transitions.

    Raises:
        UsageError: it is missing, holds no columns, or has more than one dimension.
    """
    if not isinstance(storage, TensorStorage):
        raise UsageError(
            f"storage is {type(storage).__name__}; mode='read' needs the buffer's own LazyTensorStorage or "
            "LazyMemmapStorage, to read goals from (mode='write' needs none)."
        )
    if storage.ndim != 1:
        raise UsageError(
            f"storage has ndim={storage.ndim}, and the index of a row stored in it lacks the environment's coordinate; "
            "use ndim=1, where writes of [env, time] are flattened and annotated."
        )
    return storage


def ring_buffer(storage: Storage) -> ReplayBuffer:
    """The buffer that a storage belongs to, once its parts are known to keep the order of time.

    Raises:
        UsageError: there is no such buffer, or one of its parts does not fit.
    """
    buffers = _torchrl.buffers_of(storage)
    if not buffers:
        raise UsageError("storage belongs to no replay buffer; give HindsightRelabel the storage of the one it serves.")
    for buffer in buffers:
        parts: tuple[Any, ...] = (buffer.writer, buffer.sampler, _torchrl.sample_unit(buffer))
        _check_parts(*map(type, parts))
    return buffers[0]


@cache
def _check_parts(*types: type) -> None:
    for given, (part, kind, fits, reason) in zip(types, _PARTS, strict=True):
        if given is not NoneType and issubclass(given, kind) is not fits:
            raise UsageError(f"The buffer's {part} is {given.__name__}; {reason}.")


_PARTS = (
    (
        "writer",
        RoundRobinWriter,
        True,
        "goals are found by their distance, so use TensorDictRoundRobinWriter, which writes in the order of time",
    ),
    (
        "sampler",
        ConsumingSampler,
        False,
        "it rewrites slots out of turn, so use RandomSampler or mode='write'",
    ),
    (
        "sample_unit",
        Transition,
        True,
        "the rows of a sequence would get different goals, so use the default, single transitions, and SliceSampler",
    ),
)
"""Parts of a buffer: a kind, whether the part has to be of that kind, and why."""
