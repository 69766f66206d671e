"""What a run was made on, so that nobody compares the seconds of different machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sher_rl.untrusted import read_plain, shown


def machine(path: Path) -> str:
    """Processor and torch's threads of a run folder or csv file: ``AMD EPYC, AVX512, BF16, 1 thread``.

    They are in the folder's ``versions.json``, or in the json file beside a csv file that ``tools/reproduce.py`` kept.
    Nothing, where they are not.
    """
    versions = _versions(path)
    processor = versions.get("processor")
    threads = versions.get("torch_threads")
    if not isinstance(processor, str) or type(threads) is not int:
        return ""
    return shown(f"{processor}, {threads} thread{'s' * (threads != 1)}")


def _versions(path: Path) -> dict[str, Any]:
    in_folder = path.is_dir() or path.name == "progress.csv"
    folder = path if path.is_dir() else path.parent
    try:
        found = json.loads(read_plain(folder / "versions.json" if in_folder else path.with_suffix(".json")))
    except (OSError, ValueError, RecursionError):
        return {}
    if not in_folder and isinstance(found, dict):
        found = found.get("versions")
    return found if isinstance(found, dict) else {}
