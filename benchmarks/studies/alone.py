"""The first agent of ``recipes/cer.py`` without its rival: ``python benchmarks/studies/alone.py PointMaze_UMaze-v3 0``.

It is SHER on the same task with the same numbers, with twice the steps, since the rival's count, too.
"""

from __future__ import annotations

import dataclasses
import sys
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
    mine = LazyTensorStorage(config.buffer_size)
    nobody = LazyTensorStorage(config.buffer_size)
    parts = cer.agent(config, config.train_seed, mine, nobody, sher_rl.meeting_penalty)
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
        test_env=cer.task_of(env_id).make(TEST_ENVS, seed=config.test_seed, num_threads=1),
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3] if len(sys.argv) > 3 else "runs"))
