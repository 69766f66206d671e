"""``sher-rl train``: a recipe, as ``python recipes/RECIPE.py`` starts it."""

from __future__ import annotations

import os
import sys

from sher_rl.cli.errors import exit_with_sentence
from sher_rl.cli.recipe_files import recipe_names, recipe_path
from sher_rl.errors import UsageError


def command(args: list[str]) -> list[str]:
    """The command line of the recipe that the first argument names; the others are its flags.

    Raises:
        UsageError: there is no such recipe.

    >>> [os.path.basename(word) for word in command(["hand_egg", "--seed", "1"])][1:]
    ['sher_hand_egg.py', '--seed', '1']
    """
    if not args or args[0].startswith("-"):
        raise UsageError(
            f"recipe is missing; use sher-rl train RECIPE --help, with one of {', '.join(recipe_names())}."
        )
    return [sys.executable, str(recipe_path(args[0])), *args[1:]]


def run() -> None:
    """Become the recipe's process, since what it sets before torch is imported counts only there."""
    exit_with_sentence(lambda: os.execv(sys.executable, command(sys.argv[1:])))
