"""A run folder as somebody else could send it: any value anywhere, and every checksum right."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from sher_rl.checkpoint.manifest import render_manifest
from sher_rl.checkpoint.run import saved_checkpoints
from sher_rl.files import digest
from sher_rl.modules.tensor_file import checksum

Place = tuple[str | int, ...]
"""Keys and indices that lead to a value."""


class Foreign:
    """The files of a run, to change.

    Args:
        folder: of a finished run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoint = saved_checkpoints(folder)[-1]
        self.read: dict[str, Callable[[], Any]] = {
            "config.json": lambda: json.loads((folder / "config.json").read_text()),
            "versions.json": lambda: json.loads((folder / "versions.json").read_text()),
            "policy.pt": lambda: torch.load(folder / "policy.pt", weights_only=True),
            "critics.pt": lambda: torch.load(folder / "critics.pt", weights_only=True),
            "state.pt": lambda: torch.load(self.checkpoint / "state.pt", weights_only=True),
            "manifest.json": lambda: without_sha(json.loads((self.checkpoint / "manifest.json").read_text())),
        }

    def write(self, name: str, content: Any) -> None:
        """Replace a file by ``content``, with the checksums of it that other places have."""
        if name in ("config.json", "versions.json"):
            (self.folder / name).write_text(json.dumps(content))
        elif name in ("policy.pt", "critics.pt"):
            (self.folder / name).write_bytes(packed(with_checksum(content)))
        elif name == "manifest.json":
            (self.checkpoint / name).write_bytes(render_manifest(content))
        else:
            self._write_state(packed(content))

    def _write_state(self, content: bytes) -> None:
        manifest = self.read["manifest.json"]()
        manifest["files"]["state.pt"] = {"bytes": len(content), "sha256": digest([content])}
        (self.checkpoint / "state.pt").write_bytes(content)
        self.write("manifest.json", manifest)

    def change(self, name: str, place: Place, value: Any) -> None:
        """Put ``value`` at a place of a file."""
        self.write(name, replaced(self.read[name](), place, value))


def places(content: Any, at: Place = ()) -> Iterator[Place]:
    """Where a file has values: its leaves, and the first of a long list."""
    if isinstance(content, dict):
        for key, part in content.items():
            yield from places(part, (*at, key))
    elif isinstance(content, (list, tuple)) and content:
        for i, part in enumerate(content[:2]):
            yield from places(part, (*at, i))
    else:
        yield at


def replaced(content: Any, place: Place, value: Any) -> Any:
    """A copy with another value at a place."""
    if not place:
        return value
    key, *rest = place
    part = replaced(content[key], tuple(rest), value)
    if isinstance(content, dict):
        return {**content, key: part}
    return type(content)([*content[:key], part, *content[key + 1 :]])


def with_checksum(content: Any) -> Any:
    """What a file of tensors holds, with the checksum that it should have, if it can have one."""
    try:
        return content | {"sha256": checksum(content)}
    except (AttributeError, KeyError, TypeError, RuntimeError):
        return content


def without_sha(manifest: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key != "sha256"}


def packed(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()
