"""Tests are deterministic: torch's seed, and the examples of property tests, which are the same each time.

Torch has one thread in the tests' own processes, since ``make test`` runs two tests at a time.

``pytest --hypothesis-profile=random`` searches with other examples, twenty times as many.
"""

import tempfile
from pathlib import Path

import openmp  # noqa: F401  # of the recipes: first, since torch reads what it sets
import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

COMMON = {"database": None, "deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
settings.register_profile("deterministic", derandomize=True, max_examples=100, **COMMON)
settings.register_profile("random", derandomize=False, max_examples=2000, **COMMON)
settings.load_profile("deterministic")
set_hypothesis_home_dir(Path(tempfile.gettempdir(), "hypothesis"))  # it notes numbers that occur in the source
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
