"""What norms of poses and symmetric objects add to a batch of a HandManipulate task; medians, measured in turns."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.suite.subjects import SHAPES, filled_buffer
from benchmarks.suite.test_relabel import in_turns, seconds
from sher_rl import GoalNormalizer, PoseNorm, SymmetricObjectNorm

ROUNDS = 200


@pytest.mark.parametrize("batch_size", [256, 1024])
@pytest.mark.parametrize("symmetry", ["line", "cube"])
def test_sample(benchmark: BenchmarkFixture, symmetry: str, batch_size: int) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    dims = SHAPES["egg"]
    symmetric = GoalNormalizer(dims, PoseNorm(), SymmetricObjectNorm(dims.observation, symmetry))
    rivals = {"PoseNorm alone": partial(seconds, filled_buffer(dims, GoalNormalizer(dims, PoseNorm())))}
    group = f"sample {batch_size} of a symmetric object, {symmetry}"
    in_turns(benchmark, group, filled_buffer(dims, symmetric), rivals, batch_size, ROUNDS)
    torch.set_num_threads(threads)
