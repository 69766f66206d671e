"""A run's configuration as ``config.json``."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import MISSING
from pathlib import Path
from typing import Any

from sher_rl.errors import UsageError
from sher_rl.files import replace_file
from sher_rl.training.config import AnyConfig, RunConfig
from sher_rl.untrusted import bare_id, check_id, read_plain

CHANGING = ("total_frames", "resume", "quiet", "video")
"""What may differ when a run is resumed."""
ADDRESSES = ("ray",)
"""What no file keeps, since it says what to connect to."""


def config_values(config: RunConfig) -> dict[str, Any]:
    """All fields as JSON values; the id without a module, which no file shall name."""
    values = dataclasses.asdict(config) | {"env_id": bare_id(config.env_id)}
    kept = {name: value for name, value in values.items() if name not in ADDRESSES}
    return json.loads(json.dumps(kept, default=str))


def lasting_values(config: RunConfig) -> dict[str, Any]:
    """Those of :func:`config_values` that a run keeps when it is resumed."""
    return {name: value for name, value in config_values(config).items() if name not in CHANGING}


def default_values(config: RunConfig) -> dict[str, Any]:
    """What fields of :func:`lasting_values` are by default, and so in a run that is older than the field."""
    defaults = {field.name: field.default for field in dataclasses.fields(config) if field.default is not MISSING}
    values = json.loads(json.dumps(defaults, default=str))
    return {name: value for name, value in values.items() if name not in (*CHANGING, *ADDRESSES)}


def save_config(config: RunConfig, path: Path) -> None:
    """Write all fields as JSON, whole or not at all.

    Raises:
        UsageError: the disk is full, or the folder cannot be written.
    """
    replace_file(path, (json.dumps(config_values(config), indent=2) + "\n").encode())


def load_config(kind: type[AnyConfig], path: Path) -> AnyConfig:
    """Read what :func:`save_config` wrote; ``resume`` is None, whatever it is there.

    Args:
        kind: class of the configuration; ``RunConfig`` reads of any run what all methods share.
        path: the file.

    Raises:
        UsageError: the file is missing or is no such JSON, or its id has a module.
    """
    try:
        values = json.loads(read_plain(path))
        if kind is RunConfig:
            shared = {field.name for field in dataclasses.fields(RunConfig)}
            values = {name: values[name] for name in shared & values.keys()}
        check_id(values["env_id"])
        parsed = {"out_dir": Path(values["out_dir"]), "hidden": tuple(values["hidden"]), "resume": None}
        return kind(**(values | parsed))
    except (OSError, TypeError, KeyError, ValueError, RecursionError) as error:
        raise UsageError(f"{str(path)!r} is no configuration of a run ({error!s:.120}).") from error
