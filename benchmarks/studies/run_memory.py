"""Print the peak memory of a training run whose buffer is full: ``python benchmarks/studies/run_memory.py [RECIPE]``.

The recipe's own parts and numbers. The buffer is filled by writing one rollout again and again; then training
collects, updates, evaluates and saves a checkpoint as always.
"""

import dataclasses
import importlib.util
import resource
import sys
from pathlib import Path
from typing import Any

import sher_rl
from sher_rl.training.loop import TRANSITION, train

RECIPES = Path(__file__).parents[2] / "recipes"


def peak_megabytes() -> float:
    """Highest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def train_full(config: sher_rl.Config, *, env: Any, buffer: Any, **parts: Any) -> Path:
    """Fill the buffer, then train."""
    steps = config.frames_per_batch // config.num_envs
    rows = env.rollout(steps, break_when_any_done=False).select(*TRANSITION)
    while len(buffer) < config.buffer_size:
        buffer.extend(rows)
    return train(config, env=env, buffer=buffer, **parts)


def main(name: str = "sher_hand_egg", folder: str = "runs/memory") -> None:
    """Run four rounds of the recipe with a full buffer."""
    spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    assert spec
    assert spec.loader
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    sher_rl.make_env(recipe.CONFIG.env_id).rollout(2)
    imported = peak_megabytes()
    frames = 4 * recipe.CONFIG.frames_per_batch
    changes = {"total_frames": frames, "eval_frames": frames, "random_frames": 0, "out_dir": Path(folder)}
    sher_rl.train = train_full  # which the recipe calls
    recipe.main(dataclasses.replace(recipe.CONFIG, **changes))
    above = peak_megabytes() - imported
    print(f"{name}, {recipe.CONFIG.buffer_size:,} transitions: {above:,.0f} MB above the imports ({imported:,.0f} MB)")


if __name__ == "__main__":
    main(*sys.argv[1:])
