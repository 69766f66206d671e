"""Batches of slices: rows that follow each other in time, and share one goal."""

from __future__ import annotations

import torch
from torch import Tensor
from torchrl.data import SliceSampler
from torchrl.data.replay_buffers import Storage

from sher_rl import _torchrl
from sher_rl.errors import UsageError
from sher_rl.replay.strategies import GoalChoice, Place


def slice_length(storage: Storage, *, ends_change: bool) -> int | None:
    """Rows of the slices that a buffer of the storage draws, at most; None if it draws none.

    Args:
        storage: the buffer's.
        ends_change: whether relabelling gives rows another ``terminated``.

    Raises:
        UsageError: where a slice begins cannot be told, or the sampler would put back the stored ``terminated``.
    """
    for buffer in _torchrl.buffers_of(storage):
        if isinstance(buffer.sampler, SliceSampler):
            _check(buffer.sampler, ends_change)
            return buffer.sampler.slice_len
    return None


def _check(sampler: SliceSampler, ends_change: bool) -> None:
    name = type(sampler).__name__
    if sampler.slice_len is None or any(sampler.span) or sampler.fragmented:
        raise UsageError(
            f"The buffer's {name} has num_slices, span or fragmented, with which nobody can tell where a slice begins "
            "that has one goal; use slice_len alone."
        )
    if ends_change and sampler.truncated_key is not None:
        raise UsageError(
            f"The buffer's {name} puts the stored 'terminated' in the place of that which terminated_fn gives; use "
            "truncated_key=None."
        )


def first_of_slice(at: Place, length: int) -> Tensor:
    """Place in the batch of the first row of each row's slice, ``(B,)`` int64.

    A slice goes on, up to its length, while the next row is of the same episode and in the next slot, or repeats the
    row as padding does.

    >>> from sher_rl.replay.ring import Ring
    >>> slots = torch.tensor([3, 0, 1, 2, 0, 1])
    >>> at = Place(slots, slots, trajectory=torch.zeros(6), ring=Ring(None, capacity=4, oldest=3, alive=4))
    >>> first_of_slice(at, length=4)
    tensor([0, 0, 0, 0, 4, 4])
    >>> first_of_slice(at, length=2)
    tensor([0, 0, 2, 2, 4, 4])
    """
    place = torch.arange(len(at.slot), device=at.slot.device)
    step = (at.slot[1:] - at.slot[:-1]) % at.ring.capacity
    begins = (step > 1) | (at.trajectory[1:] != at.trajectory[:-1])
    first = place.clone()
    first[1:] *= begins
    first = first.cummax(0).values
    return place - (place - first) % length  # slices drawn side by side may follow each other in time, too


def one_goal_a_slice(choice: GoalChoice, at: Place, length: int) -> GoalChoice:
    """Give all rows of a slice what its first row drew, so that a slice is relabelled as a whole or not at all."""
    first = first_of_slice(at, length)
    drawn = choice.of_rows(first)
    steps_since_first = (at.slot - at.slot[first]) % at.ring.capacity
    return drawn._replace(offset=(drawn.offset - steps_since_first) * drawn.relabelled)
