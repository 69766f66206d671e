"""Files and folders that are written whole or not at all, and reach the disk before anything relies on them.

Each is made under a random name that nothing has, so nothing is written through a link, and then renamed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

from sher_rl.errors import UsageError
from sher_rl.untrusted import read_plain

Record = dict[str, Any]
"""What a manifest says of a file: its ``bytes`` and its ``sha256``."""


def write_file(path: str | Path, parts: Iterable[Any], folder: int | None = None) -> Record:
    """Write bytes-like ``parts`` one after the other into a new file, through to the disk.

    Args:
        path: of the file.
        parts: what it holds.
        folder: descriptor of the folder where a relative path begins; the default is the current one.

    Raises:
        FileExistsError: something is there, be it a link to nothing.
    """
    digest = hashlib.sha256()
    size = 0
    with open(path, "xb", opener=partial(os.open, mode=0o666, dir_fd=folder)) as file:
        for part in parts:
            digest.update(part)
            size += file.write(part)
        file.flush()
        os.fsync(file.fileno())
    return {"bytes": size, "sha256": digest.hexdigest()}


def replace_file(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` whole or not at all: into a neighbour that is renamed over it.

    A link there is replaced, too; what it leads to is left alone.

    Raises:
        UsageError: the disk is full, or the folder cannot be written.
    """
    part = _part(path)
    try:
        with _opened(path.parent) as folder:
            try:
                write_file(part, [content], folder)
                os.replace(part, path.name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(part, dir_fd=folder)
                raise
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be written ({error.strerror}); it is as it was.") from error


def remove_parts(folder: Path) -> None:
    """Remove what a killed process left of files and folders that it had not finished in ``folder``."""
    for part in folder.glob(".*.part"):
        remove(part)


def remove(path: Path) -> None:
    """Remove a folder with what is in it, or a file; of a link the link alone. What is not there is let be."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


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
    try:
        content = bytearray(read_plain(path))
    except OSError as error:
        raise ValueError(f"{path.name} is missing or no plain file") from error
    if len(content) != record["bytes"] or digest([content]) != record["sha256"]:
        raise ValueError(f"{path.name} does not match its checksum")
    return memoryview(content)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path`` if the block succeeds, and vanishes if not."""
    part = path.with_name(_part(path))
    part.mkdir(parents=True)
    try:
        yield part
        for folder in (*(p for p in part.rglob("*") if p.is_dir()), part):
            _sync_folder(folder)
        part.rename(path)
        _sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _part(path: Path) -> str:
    """Name beside ``path`` that nobody can foresee; see :func:`remove_parts`."""
    return f".{path.name}.{token_hex(8)}.part"


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Yield a folder's descriptor, which stays that folder's whatever becomes of its name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    """Bring names to the disk."""
    with _opened(path) as folder:
        os.fsync(folder)
