"""What tells runs apart: the numbers of their configurations that change what is learned, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NO_NUMBERS = frozenset(
    {
        "env_id",
        "method",
        "seed",
        "total_frames",
        "eval_frames",
        "eval_episodes",
        "train_eval_episodes",
        "out_dir",
        "run_name",
        "checkpoint_minutes",
        "logger",
        "logger_project",
        "logger_entity",
        "video",
        "quiet",
        "num_threads",
        "device",
        "compile",
        "resume",
    }
)
"""Fields of a configuration that have a place of their own in a name, or that change nothing of what is learned."""
LETTERS = {"alpha": "α", "gamma": "γ"}
"""Fields that papers have a letter for."""


def numbers(config: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a configuration that change what is learned, as JSON has them.

    >>> numbers({"alpha": 0.02, "seed": 1, "hidden": (64, 64)})
    {'alpha': 0.02, 'hidden': [64, 64]}
    """
    kept = {name: value for name, value in config.items() if name not in NO_NUMBERS}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}


def changes(config: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    """Those of :func:`numbers` that are other than the default's.

    >>> changes({"alpha": 0.02, "clip": "soft"}, {"alpha": 0.06, "clip": "soft"})
    {'alpha': 0.02}
    """
    usual = numbers(default)
    return {name: value for name, value in numbers(config).items() if name not in usual or usual[name] != value}


def varied(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the numbers that are not the same in all of several configurations.

    >>> varied([{"alpha": 0.02, "k": 4}, {"alpha": 0.06, "k": 4}])
    ['alpha']
    """
    names = dict.fromkeys(name for config in configs for name in numbers(config))
    return [name for name in names if any(config.get(name) != configs[0].get(name) for config in configs)]


def in_file_names(values: Mapping[str, Any]) -> str:
    """Numbers as a part of a file's name.

    >>> in_file_names({"alpha": 0.02, "hidden": [64, 64], "actor_q": "min"})
    'alpha=0.02-hidden=64x64-actor_q=min'
    """
    return "-".join(f"{name}={_short(value, 'x')}" for name, value in values.items())


def in_legends(values: Mapping[str, Any]) -> str:
    """Numbers as tables and pictures show them.

    >>> in_legends({"alpha": 0.02, "batch_size": 256})
    'α = 0.02, batch size = 256'
    """
    words = {LETTERS.get(name, name.replace("_", " ")): _short(value, ", ") for name, value in values.items()}
    return ", ".join(f"{name} = {value}" for name, value in words.items())


def _short(value: Any, between: str) -> str:
    if isinstance(value, list):
        return between.join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value).lower()
