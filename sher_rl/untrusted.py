"""What may be taken from files that anybody can have written: plain content, tensors, ids of environments, names."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from pathlib import Path
from typing import Any

import torch

from sher_rl.errors import UsageError

_ID = re.compile(r"(?:[A-Za-z0-9_-]+/)?[A-Za-z0-9_.-]+")
_NOT_SHOWN = re.compile(r"[^\w .,=+-]|[\r\n]")


def read_plain(path: Path) -> bytes:
    """Content of a plain file; a link, a pipe or a device is refused, and none is waited for.

    Raises:
        OSError: it cannot be read, or is no plain file.
    """
    with open(path, "rb", opener=open_no_link) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "Not a plain file", str(path))
        return file.read()


def open_no_link(path: str, flags: int) -> int:
    """An ``opener`` for :func:`open`, which refuses a link and waits for no pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)


def load_tensors(content: Any) -> Any:
    """Read bytes that ``torch.save`` wrote: tensors, on the CPU, numbers and text, in lists and dictionaries.

    What other packages allow besides is not built: by ``weights_only`` alone, a file can hold a ``DeviceMesh`` of
    torch.distributed, which makes connections as it is built.
    """
    allowed = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    finally:
        torch.serialization.add_safe_globals(allowed)


def refuse_links(folder: Path) -> None:
    """Refuse a run whose folders are links, since what is written and removed there would be elsewhere.

    Raises:
        UsageError: naming the first.
    """
    for path in sorted((*folder.glob("*"), *folder.glob("checkpoints/*"))):
        if path.is_symlink() and not path.is_file():
            name = str(path.relative_to(folder))
            raise UsageError(f"run folder {str(folder)!r} has a link, {name!r}; put what it leads to in its place.")


def bare_id(env_id: str) -> str:
    """A gymnasium id without the module that it is imported from; so it is kept in files.

    >>> bare_id("my_tasks:Puck-v0"), bare_id("FetchPush-v4")
    ('Puck-v0', 'FetchPush-v4')
    """
    return env_id.rpartition(":")[2]


def check_id(env_id: Any) -> str:
    """Refuse what gymnasium could take for more than the name of an environment; returns the id.

    Raises:
        UsageError: it is no name, or has a module, which gymnasium would import.

    >>> check_id("my_tasks:Puck-v0")
    Traceback (most recent call last):
    sher_rl.errors.UsageError: env_id is 'my_tasks:Puck-v0'; without a module it is a name like 'ns/Task-v0'.
    """
    if not (isinstance(env_id, str) and _ID.fullmatch(env_id)):
        raise UsageError(f"env_id is {env_id!r:.80}; without a module it is a name like 'ns/Task-v0'.")
    return env_id


def is_folder_name(name: str) -> bool:
    """Whether a text names a folder in the one where it is looked for, and prints in one line.

    >>> [is_folder_name(name) for name in ("fetch_push-s0", "..", "a/b", "a\\n")]
    [True, False, False, False]
    """
    return name not in {"", ".", ".."} and "/" not in name and name.isprintable()


def shown(name: str) -> str:
    """A name as it may stand in a table and a picture: what Markdown, TeX or a terminal could act on is a ``?``.

    >>> shown("run 2 | $x$\\n")
    'run 2 ? ?x??'
    """
    return _NOT_SHOWN.sub("?", name)


def one_line(text: str) -> str:
    """A text with what does not print, such as the codes that a terminal acts on, as escapes.

    >>> one_line("a\\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
