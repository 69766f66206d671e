"""The rows of a replay buffer as files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor
from torchrl.data import TensorStorage

from sher_rl import _torchrl
from sher_rl.files import Record, read_checked, write_file

ROWS = 2**15
"""Rows in a file: 22 MB of HandManipulateEgg's."""
MOST_WRITES = 2**32
"""Writes to a storage that a checkpoint can count, so that the numbers of its episodes are numbers of 64 bits."""
_DTYPES = {name: dtype for name, dtype in vars(torch).items() if isinstance(dtype, torch.dtype)}


def describe(storage: TensorStorage) -> dict[str, Any]:
    """What :func:`read_chunks` has to know beside the files: columns, number of rows and the storage's counters."""
    rows = storage.get(slice(0, 1)) if len(storage) else TensorDict()
    return {
        "columns": [(_names(key), str(column.dtype)[6:], list(column.shape[1:])) for key, column in _columns(rows)],
        "rows": len(storage),
        "revision": _torchrl.revision(storage),
        "last_cursor": _torchrl.last_written_slot(storage),
    }


def write_chunks(storage: TensorStorage, folder: Path) -> dict[str, Record]:
    """Write the rows that a storage holds into ``folder``.

    A file has the columns of :data:`ROWS` consecutive slots, one after the other, as the bytes in memory.

    Returns:
        Name, size and checksum of each file, in order of the slots.
    """
    records = {}
    for first in range(0, len(storage), ROWS):
        name = f"rows-{first // ROWS:05}.raw"
        rows = storage.get(slice(first, min(first + ROWS, len(storage))))
        records[name] = write_file(folder / name, _bytes(rows))
    return records


def read_chunks(
    storage: TensorStorage, folder: Path, records: Mapping[str, Record], description: Mapping[str, Any]
) -> None:
    """Fill an empty storage with the rows that :func:`write_chunks` wrote.

    Raises:
        ValueError: files and description do not fit each other or the storage.
    """
    rows = description["rows"]
    revision = description["revision"]
    if not 0 <= revision <= MOST_WRITES:
        raise ValueError(f"revision is {revision!r:.40}, no number of writes from 0 to {MOST_WRITES}")
    if rows > storage.max_size or len(storage) or len(records) != -(-rows // ROWS):
        raise ValueError(f"{rows} rows in {len(records)} files are not for this storage of {storage.max_size}")
    for first, name in zip(range(0, rows, ROWS), sorted(records), strict=True):
        count = min(ROWS, rows - first)
        content = read_checked(folder / name, records[name])
        storage.set(slice(first, first + count), _parse(content, description["columns"], count))
    if rows:
        _torchrl.set_last_written_slot(storage, description["last_cursor"])
    _torchrl.set_revision(storage, revision)  # hindsight relabelling numbers episodes by it


def rows_state(storage: TensorStorage) -> dict[str, Any]:
    """The rows that a storage holds, copied, with its counters: the state of a buffer beside the run's own."""
    rows = storage.get(slice(0, len(storage))).clone().to_dict() if len(storage) else {}
    return {
        "rows": rows,
        "count": len(storage),
        "revision": _torchrl.revision(storage),
        "last_cursor": _torchrl.last_written_slot(storage),
    }


def load_rows(storage: TensorStorage, state: Mapping[str, Any]) -> None:
    """Fill an empty storage with what :func:`rows_state` gave.

    Raises:
        ValueError: the rows do not fit the storage.
    """
    count = state["count"]
    if count > storage.max_size or len(storage):
        raise ValueError(f"{count} rows are not for this storage of {storage.max_size}")
    if count:
        storage.set(slice(0, count), TensorDict(state["rows"], [count]))
        _torchrl.set_last_written_slot(storage, state["last_cursor"])
    _torchrl.set_revision(storage, state["revision"])


def _columns(rows: TensorDictBase) -> Iterator[tuple[Any, Tensor]]:
    """Columns by name, the wider dtypes first, so that each is aligned in a file."""
    yield from sorted(rows.items(True, True), key=lambda item: (-item[1].element_size(), _names(item[0])))


def _names(key: Any) -> tuple[str, ...]:
    return key if isinstance(key, tuple) else (key,)


def _bytes(rows: TensorDictBase) -> list[Any]:
    return [column.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy() for _, column in _columns(rows)]


def _parse(content: memoryview, columns: list[tuple[list[str], str, list[int]]], count: int) -> TensorDict:
    data = torch.frombuffer(content, dtype=torch.uint8)
    rows = TensorDict(batch_size=[count])
    at = 0
    for key, dtype_name, row in columns:
        dtype = _DTYPES[dtype_name]
        shape = (count, *row)
        size = dtype.itemsize * torch.Size(shape).numel()
        rows.set(tuple(key), data[at : at + size].view(dtype).reshape(shape))
        at += size
    if at != len(data):
        raise ValueError("a file of rows has another length than its columns")
    return rows
