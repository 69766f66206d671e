"""Time and size of a checkpoint of the Egg's recipe: ``python benchmarks/studies/checkpoint.py [ROWS ...]``."""

from __future__ import annotations

import dataclasses
import shutil
import sys
import tempfile
import time
from pathlib import Path

import torch
from tensordict import TensorDict

import sher_rl
from benchmarks.recipes import load
from sher_rl.checkpoint.buffer import BufferState
from sher_rl.checkpoint.run import RunCheckpoint
from sher_rl.training.config_file import lasting_values
from sher_rl.training.rollouts import Rollouts
from sher_rl.training.run import TRANSITION


def main(sizes: list[int]) -> None:
    """Save and restore at each size."""
    folder = Path(tempfile.mkdtemp())
    for rows in sizes:
        measure(dataclasses.replace(load("sher_hand_egg").CONFIG, out_dir=folder, compile=False), rows)
    shutil.rmtree(folder)


def measure(config: sher_rl.Config, rows: int) -> None:
    """Save and restore at one size."""
    parts = load("sher").build(config)
    buffer = parts.buffer
    rollouts = Rollouts(config, parts.env, parts.policy)
    run = config.out_dir / str(rows)
    run.mkdir(parents=True)
    checkpoint = RunCheckpoint(
        run,
        lasting_values(config),
        BufferState(buffer),
        loss=parts.learner.loss,
        learner=parts.learner,
        normalizer=parts.normalizer,
        rollouts=rollouts,
    )
    transitions = next(rollouts).select(*TRANSITION)
    for first in range(0, rows, 1_600):
        n = min(1_600, rows - first)
        buffer.extend(TensorDict.apply(transitions.reshape(-1)[:n], randomized))
    print(f"{len(buffer):,} rows:", checkpoint.save(rows), flush=True)
    buffer.empty()
    started = time.monotonic()
    checkpoint.restore()
    print(f"{len(buffer):,} rows restored in {time.monotonic() - started:.1f} s", flush=True)
    rollouts.close()


def randomized(column: torch.Tensor) -> torch.Tensor:
    return torch.randn_like(column) if column.is_floating_point() else column


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [100_000, 1_000_000])
