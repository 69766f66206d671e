"""The FetchReach recipe with numbers small enough for a test."""

import dataclasses
import importlib
import sys
from pathlib import Path
from types import ModuleType

from sher_rl import Config

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("sher_*.py"))
BASELINES = [RECIPES[0].with_name(name) for name in ("her.py", "cher.py")]
RELAY = RECIPES[0].with_name("relay.py")
DHER = RECIPES[0].with_name("dher.py")
DEMONSTRATIONS = RECIPES[0].with_name("demonstrations.py")
METHODS = [RECIPES[0].with_name("sher.py"), RELAY, DHER, DEMONSTRATIONS, *BASELINES]
SMALL = {
    "total_frames": 400,
    "num_envs": 2,
    "frames_per_batch": 100,
    "updates_per_batch": 3,
    "random_frames": 100,
    "buffer_size": 1_000,
    "batch_size": 32,
    "hidden": (16, 16),
    "eval_frames": 200,
    "eval_episodes": 4,
}


def load_recipe(name: str, folder: Path = RECIPES[0].parent) -> ModuleType:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    return importlib.import_module(name)


FLAGS = [f"--{key.replace('_', '-')}={value}" for key, value in SMALL.items() if key != "hidden"]
"""The same numbers on a command line."""
REACH = load_recipe("sher_fetch_reach")


def small_config(out_dir: Path, recipe: ModuleType = REACH, **changes) -> Config:
    return dataclasses.replace(recipe.CONFIG, **(SMALL | {"out_dir": out_dir, "run_name": "run"} | changes))


def small_run(out_dir: Path, recipe: ModuleType = REACH, **changes) -> Path:
    config = small_config(out_dir, recipe, **changes)
    method = load_recipe(config.method)
    method.main(config)
    return config.resume or config.out_dir / config.run_name
