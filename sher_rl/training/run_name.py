"""What a run folder is called."""

from __future__ import annotations

import dataclasses
import time

from sher_rl.report.variants import changes, in_file_names
from sher_rl.training.config import RunConfig

LONGEST = 200
"""Letters of a name, at most; file systems allow 255 bytes."""


def run_name(config: RunConfig, default: RunConfig | None = None) -> str:
    """Task, method, what is other than in ``default``, and seed.

    >>> from sher_rl.cli.recipe_files import load_recipe
    >>> default = load_recipe("sher_fetch_push").CONFIG
    >>> run_name(dataclasses.replace(default, alpha=0.02, seed=1), default)
    'fetch_push-sher-alpha=0.02-s1'
    """
    own = dataclasses.asdict(config)
    changed = in_file_names(changes(own, dataclasses.asdict(default or config))).replace("/", "_")
    parts = [config.task, config.method, changed]
    return f"{'-'.join(filter(None, parts))[:LONGEST]}-s{config.seed}"


def timed(name: str) -> str:
    """A name that the next run of the same flags has not: the time follows.

    >>> timed("fetch_push-sher-s1")[:19]
    'fetch_push-sher-s1-'
    """
    return f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
