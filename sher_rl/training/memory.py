"""Memory that a run will need, asked for before it begins."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath

import torch

from sher_rl.errors import UsageError


def check_memory(buffer_size: int, row: int) -> None:
    """Refuse a buffer of ``buffer_size`` rows of ``row`` bytes that this process cannot have in memory.

    A buffer takes memory only as it is filled: without this, the kernel would kill the run hours later.

    Raises:
        UsageError: it is larger than the machine, or than what the process may allocate.
    """
    needed = buffer_size * row
    size = f"buffer_size {buffer_size:,} takes {needed / 1e9:,.1f} GB of memory"
    most = machine_memory()
    if needed > most:
        raise UsageError(f"{size}, and there are {most / 1e9:,.1f}; use at most {most // row:,}.")
    try:
        torch.empty(needed, dtype=torch.uint8)
    except RuntimeError as error:
        raise UsageError(f"{size}, which this process cannot have; use a smaller one.") from error


def machine_memory(root: Path = Path("/")) -> int:
    """Bytes of memory of the machine, or of the control group (container, job) that this process is in, if less.

    Args:
        root: where ``proc`` and ``sys`` are.
    """
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([physical, *_limits_of_groups(root)])


def _limits_of_groups(root: Path) -> Iterator[int]:
    """Limits of this process's control groups and of those that they are in, of version 1 and 2."""
    groups = root / "proc" / "self" / "cgroup"
    for line in groups.read_text().splitlines() if groups.exists() else ():
        _, controllers, group = line.split(":", 2)
        own = PurePath(group.lstrip("/"))
        for path in (own, *own.parents):
            if "memory" in controllers.split(","):
                limit = root / "sys/fs/cgroup/memory" / path / "memory.limit_in_bytes"
            else:
                limit = root / "sys/fs/cgroup" / path / "memory.max"
            if limit.is_file() and (text := limit.read_text().strip()).isdecimal():
                yield int(text)
