"""Every Python snippet of the README and the docs runs; every doctest of the package holds."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.forked import python

import sher_rl

ROOT = Path(__file__).parents[2]
PAGES = [path for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))) if "```python" in path.read_text()]
FIRST = "import torch\ntorch.manual_seed(0)\ntorch.set_num_threads(1)\n"
"""The same draws each time; and small networks wait for a second thread if the machine is busy."""
MODULES = [module.name for module in pkgutil.walk_packages(sher_rl.__path__, "sher_rl.")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_snippets_of_a_page_run_in_order(page: Path, tmp_path: Path) -> None:
    code = "".join(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE))
    result = python("-c", FIRST + code, cwd=tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_public_name_is_documented() -> None:
    for name in sher_rl.__all__:
        assert getattr(sher_rl, name).__doc__, name


def test_the_reference_has_every_public_name_once() -> None:
    pages = "".join(page.read_text() for page in ROOT.glob("docs/api/*.md"))
    documented = re.findall(r"^\.\. auto\w+:: (sher_rl\.\S+)", pages, re.MULTILINE)
    assert len(documented) == len(set(documented))
    assert {f"sher_rl.{name}" for name in sher_rl.__all__} <= set(documented)
    for name in documented:  # modules, and names in them
        assert pkgutil.resolve_name(name).__doc__, name


@pytest.mark.slow
def test_the_pages_build_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", str(ROOT / "docs"), str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]


def test_makefile_and_readme_name_recipes_that_exist() -> None:
    named = set(
        re.findall(r"\bsher_(?:fetch|hand)_\w+", (ROOT / "README.md").read_text() + (ROOT / "Makefile").read_text())
    )
    assert named == {path.stem for path in (ROOT / "recipes").glob("sher_*.py")}


def test_the_map_of_the_code_names_what_is_there() -> None:
    page = (ROOT / "docs" / "contributing.md").read_text()
    places = re.findall(r"\| `([\w/]+\.py)`(?:: ([^|;]+))?", page)
    assert len(places) >= 10
    for file, names in places:
        module = importlib.import_module("sher_rl." + file.removesuffix(".py").replace("/", "."))
        for name in re.findall(r"`([\w.]+)`", names):
            assert pkgutil.resolve_name(f"{module.__name__}:{name}")
    rooms = {path.name for path in (ROOT / "sher_rl").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms <= set(re.findall(r"^\| `(\w+)/`", page, re.MULTILINE))
