"""Files of tensors with a format and a checksum, of which nothing is unpickled: a policy's, and its critics'."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from sher_rl.errors import UsageError
from sher_rl.files import digest, replace_file
from sher_rl.untrusted import load_tensors

T = TypeVar("T")


def write_tensors(path: Path, facts: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
    """Write a file whole or not at all.

    Args:
        path: of the file; a temporary neighbour is renamed over it.
        facts: numbers and text that say what the tensors are, among them the ``format``.
        state: the tensors, as ``state_dict`` names them.

    Raises:
        UsageError: the disk is full, or the folder cannot be written.
    """
    saved = {**facts, "state_dict": {key: tensor.cpu() for key, tensor in state.items()}}
    content = io.BytesIO()
    torch.save({**saved, "sha256": checksum(saved)}, content)
    replace_file(path, content.getvalue())


def read_tensors(path: Path, kind: str, form: str, restore: Callable[[Mapping[str, Any]], T]) -> T:
    """What ``restore`` makes of the content of a file that :func:`write_tensors` wrote.

    Args:
        path: of the file.
        kind: what it holds, for errors: ``policy`` or ``critics``.
        form: the format that it has to have.
        restore: gets what was given to :func:`write_tensors`, and the ``state_dict``.

    Raises:
        UsageError: it is damaged, something else, or of another format.
    """
    try:
        saved = load_tensors(path.read_bytes())
        given = saved["format"]
        if given == form:
            return restore(_checked(saved))
    except Exception as error:  # a damaged or crafted file can make torch.load raise anything
        raise UsageError(f"path {str(path)!r} holds no {kind} that save_{kind} wrote ({error!r:.80}).") from error
    raise UsageError(f"path {str(path)!r} has {kind} format {given!r:.80}; this version reads {form}.")


def checksum(saved: Mapping[str, Any]) -> str:
    """Of a file's values, since torch checks none of those it reads."""
    state = saved["state_dict"]
    facts = json.dumps([value for key, value in saved.items() if key not in ("state_dict", "sha256")] + [*state])
    return digest([facts.encode(), *(value.contiguous().reshape(-1).numpy() for value in state.values())])


def _checked(saved: Mapping[str, Any]) -> Mapping[str, Any]:
    if saved["sha256"] != checksum(saved):
        raise ValueError("its values do not match their checksum")
    return saved
