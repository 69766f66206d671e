"""``manifest.json`` of a checkpoint: what its files are, and how to know that they are whole."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sher_rl.files import digest
from sher_rl.untrusted import read_plain

FORMAT = "sher_rl.checkpoint/1"
FILES = re.compile(r"state\.pt|rows-\d{5}\.raw")
"""Names that a checkpoint's files may have."""


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a checkpoint's ``manifest.json``.

    Raises:
        ValueError: it is missing, damaged or no manifest, or names a file that no checkpoint has.
    """
    text = read_plain(path / "manifest.json")
    manifest = json.loads(text)
    if manifest.pop("sha256", None) is None or render_manifest(manifest) != text or manifest["format"] != FORMAT:
        raise ValueError("manifest.json is damaged or of another format")
    if strange := [name for name in manifest["files"] if not FILES.fullmatch(name)]:
        raise ValueError(f"manifest.json names {strange[0]!r:.40}, which no checkpoint has")
    return manifest


def render_manifest(manifest: Mapping[str, Any]) -> bytes:
    """A manifest as JSON, with a checksum of its own."""
    checksum = digest([json.dumps(manifest, sort_keys=True).encode()])
    return (json.dumps({**manifest, "sha256": checksum}, indent=1, sort_keys=True) + "\n").encode()
