"""The command line of a recipe: every field of its configuration is a flag."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import tyro
from torchrl import logger as torchrl_logger

from sher_rl.cli.errors import exit_with_sentence
from sher_rl.errors import UsageError
from sher_rl.tasks import check_env_id, find_task
from sher_rl.training.config import AnyConfig, RunConfig
from sher_rl.training.config_file import lasting_values, load_config
from sher_rl.training.loggers import ELSEWHERE
from sher_rl.training.run_name import run_name, timed
from sher_rl.untrusted import bare_id

DEFAULT_ENV = "FetchPush-v4"
"""Task of a method's recipe that is started without ``--env``."""


def cli(main: Callable[[AnyConfig], object], default: AnyConfig, args: Sequence[str] | None = None) -> None:
    """Run a recipe's ``main`` from the command line: every field of ``default`` is a flag.

    Every recipe of a task ends with it.

    Args:
        main: gets the configuration.
        default: what the command line leaves open; with ``--resume RUN`` the run's own values take its place.
        args: the command line; the default is this process's.

    Raises:
        SystemExit: wrong input, files out of reach or numbers that are not finite, with one sentence; after
            ``--help``; and on signals, see :func:`~sher_rl.train`.
    """
    torchrl_logger.setLevel("WARNING")
    exit_with_sentence(lambda: main(parse(default, args)))


def cli_of_tasks(
    main: Callable[[AnyConfig], object], numbers: Callable[[str], AnyConfig], default_env: str = DEFAULT_ENV
) -> None:
    """As :func:`cli`, for a method that has numbers for each task: ``--env`` says which.

    Every recipe of a method ends with it.

    Args:
        main: gets the configuration.
        numbers: from a gymnasium id to what the command line leaves open; a variant with dense rewards has the same.
        default_env: task where the command line names none.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--env", "--env-id", default=default_env)
    known, others = parser.parse_known_args()
    exit_with_sentence(lambda: cli(main, numbers_of(numbers, known.env), others))


def numbers_of(numbers: Callable[[str], AnyConfig], env_id: str) -> AnyConfig:
    """The numbers that a method has for a task, or for the task's variant with dense rewards."""
    return dataclasses.replace(numbers(env_id), env_id=env_id)


def parse(default: AnyConfig, args: Sequence[str] | None = None) -> AnyConfig:
    """Read a command line; what it leaves open is as in ``default``, or as in the run that it resumes.

    Raises:
        UsageError: a value is wrong, or a flag would change the run that is resumed.
    """
    kind = type(default)
    description = sys.modules["__main__"].__doc__
    config = tyro.cli(kind, default=default, args=args, description=description)
    check_same_task(config, default)
    if config.resume is None:
        return dataclasses.replace(config, run_name=config.run_name or timed(run_name(config, default)))
    saved = load_config(kind, config.resume / "config.json")
    check_same_recipe(saved, default, config.resume)
    if saved.logger in ELSEWHERE and config.logger != saved.logger:
        raise UsageError(
            f"resume {str(config.resume)!r} was logged by {saved.logger}, which a file alone does not start; add "
            f"--logger {saved.logger}."
        )
    saved = dataclasses.replace(saved, env_id=default.env_id)  # with its module, which no file has
    config = tyro.cli(kind, default=saved, args=args, description=description)
    before = lasting_values(saved)
    now = lasting_values(config)
    changed = [name for name in now if now[name] != before[name]]
    if changed:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in changed)
        raise UsageError(f"resume {str(config.resume)!r} goes on as it began; leave out {flags}.")
    return config


def check_same_task(config: RunConfig, default: RunConfig) -> None:
    """Refuse an environment that the numbers of a recipe are not for.

    Raises:
        UsageError: one of them is a task of this package, and the other is not that one; or an id is retired.
    """
    check_env_id(bare_id(config.env_id))
    if find_task(config.env_id) is not find_task(default.env_id):
        raise UsageError(
            f"env_id {config.env_id!r} is another task than this recipe's, {default.env_id!r}, whose numbers it has; "
            f"use the recipe of that task, or of a method, as in sher-rl train sher --env {config.env_id}."
        )


def check_same_recipe(saved: RunConfig, default: RunConfig, run: Path) -> None:
    """Refuse a run of another task or method than the recipe's.

    Raises:
        UsageError: naming both.
    """
    own = lasting_values(default)
    for name in ("env_id", "method"):
        if getattr(saved, name) != own[name]:
            raise UsageError(
                f"resume {str(run)!r} is a run of {name} {getattr(saved, name)!r}, this recipe's is {own[name]!r}; "
                "use its own recipe, or --env where a recipe has that."
            )
