"""The pipelines under docs/examples, run for real and briefly."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_dqn_flips_eight_bits_with_hindsight():
    assert load("bit_flipping").main(bits=8, frames=8_000) >= 0.9


@pytest.mark.slow
def test_dqn_flips_fifteen_bits_with_hindsight_alone():
    example = load("bit_flipping")
    assert example.main(bits=15) >= 0.9
    assert example.main(bits=15, plain=True) <= 0.1


def test_sac_with_prioritised_replay():
    assert torch.isfinite(load("sac").main(frames=400, updates=5)).all()


@pytest.mark.parametrize("mode", ["read", "write"])
def test_ddpg_with_a_plain_replay_buffer(mode):
    assert torch.isfinite(load("ddpg").main(frames=400, updates=5, mode=mode)).all()


def test_an_asynchronous_collector_writes_the_buffer():
    assert 0 < load("async_collector").main(frames=2_000, capacity=500) < 1
