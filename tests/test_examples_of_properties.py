"""The examples that property tests try: the same in each run, or, when searched for, fresh ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.configuration import storage_directory

ROOT = Path(__file__).parents[1]
PROPERTIES = [str(path) for path in sorted(ROOT.glob("tests/**/test_*.py")) if "import given\n" in path.read_text()]


def test_the_same_examples_are_tried_each_time() -> None:
    drawn = []

    @settings(settings.get_profile("deterministic"))
    @given(st.integers(), st.text())
    def note(number: int, text: str) -> None:
        drawn.append((number, text))

    note()
    first = drawn.copy()
    drawn.clear()
    note()
    assert drawn == first
    assert len(first) > 50


def test_nothing_is_kept_from_run_to_run() -> None:
    assert settings.default.database is None
    assert not storage_directory("constants", intent_to_write=False).path.is_relative_to(ROOT)


@pytest.mark.slow
def test_random_examples_hold() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "pytest", "--hypothesis-profile=random", *PROPERTIES]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert result.returncode == 0, result.stdout[-5000:]
