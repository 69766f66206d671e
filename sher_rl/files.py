"""Files and folders that are written whole or not at all, and reach the disk before anything relies on them."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

from sher_rl.errors import UsageError

Record = dict[str, Any]
"""What a manifest says of a file: its ``bytes`` and its ``sha256``."""


def write_file(path: Path, parts: Iterable[Any]) -> Record:
    """Write bytes-like ``parts`` one after the other, through to the disk."""
    digest = hashlib.sha256()
    size = 0
    with path.open("wb") as file:
        for part in parts:
            digest.update(part)
            size += file.write(part)
        file.flush()
        os.fsync(file.fileno())
    return {"bytes": size, "sha256": digest.hexdigest()}


def replace_file(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` whole or not at all: into a neighbour that is renamed over it.

    Raises:
        UsageError: the disk is full, or the folder cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        write_file(part, [content])
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise UsageError(f"{str(path)!r} cannot be written ({error.strerror}); it is as it was.") from error


def digest(parts: Iterable[Any]) -> str:
    """SHA-256 of bytes-like ``parts``, one after the other."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest()


def read_checked(path: Path, record: Record) -> memoryview:
    """Read a plain file, if it is as ``record`` says.

    Raises:
        ValueError: it is not.
    """
    if path.is_symlink() or not path.is_file() or path.stat().st_size != record["bytes"]:
        raise ValueError(f"{path.name} is missing or has another length")
    content = bytearray(path.read_bytes())
    if digest([content]) != record["sha256"]:
        raise ValueError(f"{path.name} does not match its checksum")
    return memoryview(content)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path`` if the block succeeds, and vanishes if not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{token_hex(8)}.part")  # nobody else's
    part.mkdir()
    try:
        yield part
        for folder in (*(p for p in part.rglob("*") if p.is_dir()), part):
            _sync_folder(folder)
        part.rename(path)
        _sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _sync_folder(path: Path) -> None:
    """Bring names to the disk, where folders can be opened for it."""
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
