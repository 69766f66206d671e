"""The recipes, for measurements of what they build."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[1] / "recipes"
sys.path.append(str(FOLDER))


def load(name: str) -> ModuleType:
    """A recipe by its file's name, such as ``sher`` or ``sher_hand_egg``."""
    return importlib.import_module(name)
