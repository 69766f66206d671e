"""Time and size of a checkpoint of the Egg's recipe: ``python benchmarks/studies/checkpoint.py [ROWS ...]``."""

from __future__ import annotations

import dataclasses
import importlib.util
import shutil
import sys
import tempfile
import time
from pathlib import Path

import torch
from tensordict import TensorDict

import sher_rl.training.loop
from sher_rl.checkpoint.run import RunCheckpoint

RECIPE = Path(__file__).parents[2] / "recipes" / "sher_hand_egg.py"


def main(sizes: list[int]) -> None:
    """Save three times at each size: the first, after 1,600 new rows, after 100,000; then restore."""
    spec = importlib.util.spec_from_file_location("recipe", RECIPE)
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    folder = Path(tempfile.mkdtemp())
    for rows in sizes:
        sher_rl.train = lambda config, rows=rows, **parts: measure(config, rows, **parts)
        recipe.main(dataclasses.replace(recipe.CONFIG, out_dir=folder, compile=False))
    shutil.rmtree(folder)


def measure(config: sher_rl.Config, rows: int, *, env, policy, buffer, learner, normalizer, **_) -> None:
    rollouts = sher_rl.training.loop.Rollouts(config, env, policy)
    run = config.out_dir / str(rows)
    run.mkdir(parents=True)
    parts = {"loss": learner.loss, "learner": learner, "normalizer": normalizer, "rollouts": rollouts}
    checkpoint = RunCheckpoint(run, config.lasting(), buffer, **parts)
    transitions = next(rollouts).select(*sher_rl.training.loop.TRANSITION)
    for more in (rows, 1_600, 100_000):
        for first in range(0, more, 1_600):
            n = min(1_600, more - first)
            buffer.extend(TensorDict.apply(transitions.reshape(-1)[:n], randomized))
        print(f"{len(buffer):,} rows:", checkpoint.save(buffer.writer._write_count), flush=True)
    buffer.empty()
    started = time.monotonic()
    checkpoint.restore()
    print(f"{len(buffer):,} rows restored in {time.monotonic() - started:.1f} s", flush=True)
    rollouts.close()


def randomized(column: torch.Tensor) -> torch.Tensor:
    return torch.randn_like(column) if column.is_floating_point() else column


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [100_000, 1_000_000])
