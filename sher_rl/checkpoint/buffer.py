"""What a replay buffer goes on from: its rows as files, and the rest as tensors, numbers and text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torchrl.data import ReplayBuffer

from sher_rl import _torchrl
from sher_rl.checkpoint.rows import describe, read_chunks, write_chunks
from sher_rl.files import Record


class BufferState:
    """A replay buffer as a component of a checkpoint: its rows go into files, the rest is a state dict.

    The rest is the sampler, the writer, the transforms and the generator.

    The segment trees of :class:`~torchrl.data.PrioritizedSampler`, which its state dict holds as objects that only
    pickle could save, become tensors of priorities, ``(capacity,)``.
    """

    def __init__(self, buffer: ReplayBuffer) -> None:
        self._buffer = buffer
        self._storage = buffer.storage
        self._parts = {"sampler": buffer.sampler, "writer": buffer.writer, "transform": buffer.transform}

    def write_rows(self, folder: Path) -> tuple[dict[str, Record], dict[str, Any]]:
        """Write the rows into a folder; see :func:`~sher_rl.checkpoint.rows.write_chunks`.

        Returns:
            The record of each file, and what :meth:`read_rows` has to know beside them.
        """
        return write_chunks(self._storage, folder), describe(self._storage)

    def read_rows(self, folder: Path, records: Mapping[str, Record], description: Mapping[str, Any]) -> None:
        """Fill the empty buffer with what :meth:`write_rows` wrote.

        Raises:
            ValueError: files and description do not fit each other or the storage.
        """
        read_chunks(self._storage, folder, records, description)

    def state_dict(self) -> dict[str, Any]:
        """State dicts of the parts; the generator's is None if it is torch's own."""
        generator = _torchrl.generator_of(self._buffer)
        state = {name: _without_trees(part.state_dict()) for name, part in self._parts.items()}
        return state | {"generator": None if generator is None else generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave, after the rows."""
        for name, part in self._parts.items():
            part.load_state_dict(_with_trees(state[name], part.state_dict()))
        generator = _torchrl.generator_of(self._buffer)
        if generator is not None:
            generator.set_state(state["generator"])


def _is_tree(value: Any) -> bool:
    return hasattr(value, "identity_element")


def _without_trees(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _without_trees(value) for key, value in state.items()}
    return state[torch.arange(len(state))] if _is_tree(state) else state


def _with_trees(state: Any, fresh: Any) -> Any:
    """Put priorities into the trees of a ``fresh`` state; a tree is a function of its leaves."""
    if _is_tree(fresh):
        if state.shape != (len(fresh),):
            raise ValueError(f"priorities of {len(state)} rows are not for a sampler of {len(fresh)}")
        fresh[torch.arange(len(fresh))] = state
        return fresh
    if isinstance(state, dict) and isinstance(fresh, dict):
        return {key: _with_trees(value, fresh.get(key)) for key, value in state.items()}
    return state
