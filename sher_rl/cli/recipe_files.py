"""Where the recipes are: beside the package in its repository, inside of it where a wheel was installed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

from sher_rl.errors import UsageError

_PACKAGE = Path(__file__).parents[1]
_HELPERS = ("openmp", "experts")
"""Files beside the recipes that are none."""


def recipes_folder() -> Path:
    """The folder of the recipes.

    >>> (recipes_folder() / "sher.py").exists()
    True
    """
    installed = _PACKAGE / "recipes"
    return installed if installed.is_dir() else _PACKAGE.parent / "recipes"


def recipe_names() -> list[str]:
    """What :func:`recipe_path` takes: methods and tasks.

    >>> {"sher", "her", "hand_egg"} <= set(recipe_names())
    True
    """
    stems = sorted(path.stem for path in recipes_folder().glob("*.py"))
    return [stem.removeprefix("sher_") for stem in stems if stem not in _HELPERS]


def recipe_path(name: str) -> Path:
    """File of a recipe.

    Args:
        name: of a method (``sher``, ``her``, ``cher``) or of a task, whose recipe is SHER's (``hand_egg``; or
            ``sher_hand_egg``, as its file is called).

    Raises:
        UsageError: there is none of that name.

    >>> recipe_path("hand_egg").name
    'sher_hand_egg.py'
    """
    short = name.removeprefix("sher_").removesuffix(".py")
    if short not in recipe_names():
        raise UsageError(f"recipe {name!r:.80} is not there; recipes are {', '.join(recipe_names())}.")
    path = recipes_folder() / f"{short}.py"
    return path if path.is_file() else path.with_name(f"sher_{short}.py")


def load_recipe(name: str) -> ModuleType:
    """A recipe as a module, which has ``build`` and ``main`` if it is a method's and ``CONFIG`` if it is a task's.

    The folder of the recipes is among those that Python imports from afterwards, since they import each other.

    Raises:
        UsageError: there is none of that name.

    >>> load_recipe("fetch_reach").CONFIG.env_id
    'FetchReach-v4'
    """
    path = recipe_path(name)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    return importlib.import_module(path.stem)
