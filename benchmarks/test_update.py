"""A whole training update, sampling included: the recipes' way against autograd through the loss."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from subjects import SHAPES, autograd_updates, fused_updates


@pytest.mark.parametrize("subject", [fused_updates, autograd_updates], ids=["ours", "autograd"])
@pytest.mark.parametrize("rows", [256, 1024, 4096])
@pytest.mark.parametrize("shape", SHAPES)
def test_update(benchmark: BenchmarkFixture, subject: Callable, rows: int, shape: str) -> None:
    torch.manual_seed(0)
    run = subject(SHAPES[shape], rows)
    run(10)
    benchmark.group = f"10 updates, {shape}, batch {rows}"
    benchmark.extra_info["subject"] = "ours" if subject is fused_updates else "autograd"
    benchmark.pedantic(run, (10,), rounds=10, warmup_rounds=2)
