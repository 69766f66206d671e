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
SNIPPETS = [
    (path.relative_to(ROOT).as_posix(), number, code)
    for path in sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE))
]
MODULES = [module.name for module in pkgutil.iter_modules(sher_rl.__path__, "sher_rl.")]


@pytest.mark.parametrize(("path", "number", "code"), SNIPPETS, ids=lambda value: str(value)[:40].split("\n")[0])
def test_snippets_run(path: str, number: int, code: str, tmp_path: Path) -> None:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, f"{path}, snippet {number}:\n{result.stderr[-2000:]}"


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
