"""What a run is of: the configuration that its folder has, or what its name tells."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sher_rl.report.runs import TITLES, label
from sher_rl.report.variants import numbers
from sher_rl.tasks import find_task
from sher_rl.untrusted import read_plain

_SEED = re.compile(r"(?P<group>.+?)-s(?P<seed>\d+)(-\d{8}-\d{6})?")
_TEMPERATURE = re.compile(r"(?P<method>[a-z]+)-a(?P<alpha>[\d.]+)")
_NEEDED = {"env_id": str, "method": str, "seed": int}
"""Fields without which a file is no configuration."""


class Facts(NamedTuple):
    """What a run is of."""

    title: str
    """What its task is called; nothing, where only a name is known and tells no task."""
    method: str
    seed: int
    config: Mapping[str, Any]
    """All fields, or the temperature alone if that is what the name tells."""


def read_facts(path: Path) -> Facts:
    """What a run folder, or a csv file, is of.

    The configuration is in the folder's ``config.json``, or in the json file beside a csv file that
    ``tools/reproduce.py`` kept.
    """
    config = _config(path)
    return _facts_of_name(label(path)) if config is None else _facts_of_config(config)


def compared(facts: Facts, others: Sequence[Facts]) -> dict[str, Any]:
    """The numbers of a run by which it is told from others of its task and method.

    Fields that some of them have not, since another version wrote their files, do not count.
    """
    own = numbers(facts.config)
    if not _is_whole(facts.config):
        return own
    alike = [other.config for other in others if other[:2] == facts[:2] and _is_whole(other.config)]
    shared = set.intersection(*(set(config) for config in alike))
    return {name: value for name, value in own.items() if name in shared}


def _is_whole(config: Mapping[str, Any]) -> bool:
    return _NEEDED.keys() <= config.keys()


def _config(path: Path) -> Mapping[str, Any] | None:
    if path.is_dir():
        return _checked(_json(path / "config.json"))
    if path.name == "progress.csv":
        return _checked(_json(path.with_name("config.json")))
    kept = _json(path.with_suffix(".json"))
    return _checked(kept.get("config")) if isinstance(kept, dict) else None


def _json(path: Path) -> Any:
    try:
        return json.loads(read_plain(path))
    except (OSError, ValueError, RecursionError):
        return None


def _checked(config: Any) -> Mapping[str, Any] | None:
    if not isinstance(config, dict):
        return None
    return config if all(type(config.get(name)) is kind for name, kind in _NEEDED.items()) else None


def _facts_of_config(config: Mapping[str, Any]) -> Facts:
    env_id = config["env_id"]
    task = find_task(env_id)
    title = task.title if task and env_id == task.env_id else env_id.rpartition("-")[0] or env_id
    return Facts(title, config["method"], config["seed"], config)


def _facts_of_name(name: str) -> Facts:
    match = _SEED.fullmatch(name)
    group = match["group"] if match else name
    seed = int(match["seed"]) if match else 0
    task, _, variant = group.partition("-")
    if task not in TITLES:
        return Facts("", group, seed, {})
    temperature = _TEMPERATURE.fullmatch(variant)
    if temperature is None:
        return Facts(TITLES[task], variant, seed, {})
    return Facts(TITLES[task], temperature["method"], seed, {"alpha": float(temperature["alpha"])})
