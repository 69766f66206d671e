"""Print the peak memory of a training run with a full buffer: ``python benchmarks/run_memory.py [RECIPE [FRAMES]]``.

The recipe's own loop and numbers, with one update in each round so that a million steps take minutes.
"""

import dataclasses
import importlib.util
import resource
import sys
from pathlib import Path

import sher_rl

RECIPES = Path(__file__).parents[1] / "recipes"


def peak_megabytes() -> float:
    """Highest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main(name: str = "sher_hand_egg", frames: str = "1_000_000", folder: str = "runs/memory") -> None:
    """Run the recipe until the buffer holds ``frames`` transitions."""
    spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    assert spec
    assert spec.loader
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    sher_rl.make_env(recipe.CONFIG.env_id).rollout(2)
    imported = peak_megabytes()
    total = int(frames)
    changes = {"total_frames": total, "buffer_size": total, "eval_frames": total, "updates_per_batch": 1}
    recipe.main(dataclasses.replace(recipe.CONFIG, **changes, out_dir=Path(folder)))
    print(
        f"{name}, {total:,} transitions: {peak_megabytes() - imported:,.0f} MB above the imports ({imported:,.0f} MB)"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
