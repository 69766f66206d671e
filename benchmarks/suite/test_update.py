"""A whole training update, sampling included: the recipes' way against autograd through the loss."""

from __future__ import annotations

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.suite.subjects import SHAPES, Updates, autograd_updates, fused_updates, make_ddpg_loss

SUBJECTS = {"ours": fused_updates, "autograd": autograd_updates}


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("rows", [256, 1024, 4096])
@pytest.mark.parametrize("shape", SHAPES)
def test_update(benchmark: BenchmarkFixture, subject: str, rows: int, shape: str) -> None:
    torch.manual_seed(0)
    measure(benchmark, SUBJECTS[subject](SHAPES[shape], rows), subject, f"{shape}, batch {rows}")


@pytest.mark.parametrize("subject", SUBJECTS)
def test_update_of_the_baselines(benchmark: BenchmarkFixture, subject: str) -> None:
    torch.manual_seed(0)
    measure(benchmark, SUBJECTS[subject](SHAPES["push"], 256, make_ddpg_loss), subject, "HER, push, batch 256")


def measure(benchmark: BenchmarkFixture, run: Updates, subject: str, what: str) -> None:
    run(10)
    benchmark.group = f"10 updates, {what}"
    benchmark.extra_info["subject"] = subject
    benchmark.pedantic(run, (10,), rounds=10, warmup_rounds=2)
