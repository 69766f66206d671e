"""The first agent of ``recipes/cer.py`` without its rival: ``python benchmarks/studies/alone.py PointMaze_UMaze-v3 0``.

It is SHER on the same task with the same numbers, with twice the steps, since the rival's count, too.
"""

from __future__ import annotations

import dataclasses
import sys
from functools import partial
from pathlib import Path

import torch
from torchrl.data import LazyTensorStorage

import sher_rl
from benchmarks.recipes import load
from sher_rl.training.evaluation import TEST_ENVS


def main(env_id: str, seed: int, out_dir: Path) -> None:
    """Train, and report."""
    cer = load("cer")
    numbers = cer.published(env_id)
    config = dataclasses.replace(
        numbers,
        method="sher",
        seed=seed,
        total_frames=2 * numbers.total_frames,
        clip="hard",
        out_dir=out_dir,
        num_threads=1,
    )
    torch.manual_seed(config.seed)
    make = partial(cer.task_of(env_id).make, num_threads=1)
    mine = LazyTensorStorage(config.buffer_size)
    nobody = LazyTensorStorage(config.buffer_size)
    parts = cer.agent(config, make(config.num_envs, seed=config.train_seed), mine, nobody, sher_rl.meeting_penalty)
    sher_rl.train(
        config,
        env=parts.env,
        policy=parts.policy,
        explorer=parts.explorer,
        normalizer=parts.normalizer,
        relabel=parts.relabel,
        buffer=parts.buffer,
        learner=parts.learner,
        on_cycle=parts.on_cycle,
        test_env=make(TEST_ENVS, seed=config.test_seed),
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3] if len(sys.argv) > 3 else "runs"))
