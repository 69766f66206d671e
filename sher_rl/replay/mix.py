"""Batches of which a share is demonstrations."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDictBase, unravel_key
from torchrl.data import ReplayBuffer, TensorDictReplayBuffer

from sher_rl import _torchrl
from sher_rl.errors import UsageError, check_numbers
from sher_rl.files import digest
from sher_rl.replay.buffer_transform import BufferTransform
from sher_rl.replay.relay import by_turns

DEMONSTRATION = "demonstration"
"""Whether a row of a batch is of a demonstration, bool ``(B,)``."""


class MixDemonstrations(BufferTransform):
    """Replace a share of each batch by demonstrations, drawn from a buffer of their own.

    Comes behind :class:`~sher_rl.HindsightRelabel` and before what normalises. The demonstrations' buffer has a
    :class:`~sher_rl.HindsightRelabel` of its own, so that their goals are drawn as those of the other rows. A row that
    is replaced gets every entry of a demonstration but ``index``, and each row says in ``demonstration``, bool
    ``(B,)``, what it is. Rows are replaced by turns, so that each part of a batch has its share. Nothing is done where
    rows are written. The cost is that of a batch, whatever the buffers hold.

    Not for prioritised replay, which would learn the priorities of rows that were replaced.

    The state dict has the generators of the demonstrations' buffer and of its transforms, and a checksum of its rows:
    a run that is resumed needs the same demonstrations.

    Args:
        demonstrations: whose rows have the entries of the batch; see :func:`~sher_rl.load_demonstrations`. For draws of
            its own it has a ``generator``, and so has its transform.
        share: of the rows, from 0 to 1.

    Raises:
        UsageError: ``share`` is out of range, or ``demonstrations`` is no buffer or empty; on read, the demonstrations
            lack an entry of the batch, or have it in another shape; on loading, the state is of other demonstrations.

    Half of each batch: RLPD, arXiv:2302.02948, section 4.1.

    >>> from torchrl.data import LazyTensorStorage
    >>> from torchrl.envs import Compose
    >>> from sher_rl import HindsightRelabel, goal_reward, make_env
    >>> def make_buffer(*more):
    ...     storage = LazyTensorStorage(1000)
    ...     relabel = HindsightRelabel(goal_reward("FetchPush-v4"), storage)
    ...     return TensorDictReplayBuffer(storage=storage, transform=Compose(relabel, *more))
    >>> rows = make_env("FetchPush-v4", num_envs=2).rollout(50)
    >>> demonstrations = make_buffer()
    >>> _ = demonstrations.extend(rows)
    >>> buffer = make_buffer(MixDemonstrations(demonstrations, share=0.25))
    >>> _ = buffer.extend(rows)
    >>> buffer.sample(256)["demonstration"].sum()
    tensor(64)
    """

    def __init__(self, demonstrations: ReplayBuffer, *, share: float = 0.5) -> None:
        super().__init__()
        check_numbers(share=share)
        if not 0 <= share <= 1:
            raise UsageError(f"share is {share}; use a number from 0 to 1.")
        if not isinstance(demonstrations, TensorDictReplayBuffer) or not len(demonstrations):
            kind = type(demonstrations).__name__
            raise UsageError(f"demonstrations is a {kind} without rows; fill a TensorDictReplayBuffer first.")
        self.demonstrations = demonstrations
        self.share = share

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Replace rows of a batch ``(B,)``; the storage's own columns are left as they are."""
        mine = by_turns(len(tensordict), self.share).to(tensordict.device)
        batch = tensordict.copy()
        places = mine.nonzero().squeeze(-1)
        if len(places):
            _replace(batch, places, self.demonstrations.sample(len(places)))
        return batch.set(DEMONSTRATION, mine)

    def get_extra_state(self) -> dict[str, Any]:
        """State of what draws demonstrations, and a checksum of them."""
        generator = _torchrl.generator_of(self.demonstrations)
        return {
            "transform": self.demonstrations.transform.state_dict(),
            "generator": None if generator is None else generator.get_state(),
            "sha256": self._checksum(),
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_extra_state` gave."""
        if state["sha256"] != self._checksum():
            raise UsageError("demonstrations are not those that the state is of; load the same ones, in their order.")
        self.demonstrations.transform.load_state_dict(state["transform"])
        generator = _torchrl.generator_of(self.demonstrations)
        if generator is not None:
            generator.set_state(state["generator"])

    def _checksum(self) -> str:
        rows = self.demonstrations.storage.get(slice(0, len(self.demonstrations))).exclude("hindsight")
        columns = sorted(rows.items(True, True), key=lambda item: str(unravel_key(item[0])))
        return digest(column.cpu().contiguous().reshape(-1).view(torch.uint8).numpy() for _, column in columns)


def _replace(batch: TensorDictBase, places: torch.Tensor, drawn: TensorDictBase) -> None:
    """Put rows into a batch, without writing into its columns."""
    for key in batch.keys(True, True):
        if key == "index":
            continue
        column = batch.get(key)
        rows = drawn.get(key, None)
        if rows is None or rows.shape[1:] != column.shape[1:]:
            found = "nothing" if rows is None else f"the shape {tuple(rows.shape[1:])}"
            raise UsageError(f"demonstrations have {found} for {key!r}, the batch {tuple(column.shape[1:])}; use such.")
        batch.set(key, column.index_copy(0, places, rows.to(column)))
