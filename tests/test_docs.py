"""Every Python snippet of the README and the docs runs; every doctest of the package holds."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sher_rl

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
MODULES = [module.name for module in pkgutil.walk_packages(sher_rl.__path__, "sher_rl.")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_snippets_of_a_page_run_in_order(page: Path, tmp_path: Path) -> None:
    code = "".join(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE))
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_public_name_is_documented() -> None:
    for name in sher_rl.__all__:
        assert getattr(sher_rl, name).__doc__, name


def test_makefile_and_readme_name_recipes_that_exist() -> None:
    named = set(
        re.findall(r"\bsher_(?:fetch|hand)_\w+", (ROOT / "README.md").read_text() + (ROOT / "Makefile").read_text())
    )
    assert named == {path.stem for path in (ROOT / "recipes").glob("sher_*.py")}
