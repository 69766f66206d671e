"""The wheel, as somebody has it who installs it: no repository, and everything by the name ``sher_rl``."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from helpers.small import FLAGS, RECIPES

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the wheel was installed into, which takes the place of the package."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True)
    [wheel] = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


def run(installed: Path, *command: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(installed)}
    return subprocess.run(command, capture_output=True, text=True, cwd=installed.parent, env=environment)


@pytest.mark.slow
def test_the_wheel_has_the_recipes_and_they_train(installed: Path) -> None:
    assert {path.name for path in installed.glob("sher_rl/recipes/sher_*.py")} == {path.name for path in RECIPES}
    command = [sys.executable, str(installed / "bin" / "sher-rl")]
    trained = run(installed, *command, "train", "fetch_reach", *FLAGS, "--no-compile", "--run-name", "run")
    assert trained.returncode == 0, trained.stderr
    assert (installed.parent / "runs" / "run" / "policy.pt").exists()
    assert "| FetchReach | SHER | 1 | 0 | 400 |" in run(installed, *command, "report", "runs/run").stdout
    further = run(installed, *command, "train", "fetch_push", *FLAGS, "--no-compile", "--init-from", "FetchPush")
    assert further.returncode == 0, further.stderr
    played = run(installed, *command, "play", "--pretrained", "FetchReach", "--episodes", "5")
    assert "success 1.000 in 5 deterministic episodes" in played.stdout
    assert run(installed, *command, "--version").stdout == f"{distribution('sher-rl').version}\n"


@pytest.mark.slow
def test_the_wheel_has_the_policies_and_their_critics(installed: Path) -> None:
    packages = [folder / "sher_rl" / "modules" / "pretrained" for folder in (ROOT, installed)]
    kept, shipped = ({str(file.relative_to(package)) for file in package.rglob("*.pt")} for package in packages)
    assert shipped == kept
    assert {"FetchPush-v4/policy.pt", "FetchPush-v4/critics.pt"} <= kept


@pytest.mark.slow
def test_the_package_is_the_wheels_own(installed: Path) -> None:
    code = "import sher_rl; from sher_rl.cli.recipe_files import load_recipe"
    code += "; print(sher_rl.__file__, load_recipe('sher').__file__)"
    package, recipe = run(installed, sys.executable, "-c", code).stdout.split()
    assert package == str(installed / "sher_rl" / "__init__.py")
    assert recipe == str(installed / "sher_rl" / "recipes" / "sher.py")


def test_the_version_is_in_one_place() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    version = (ROOT / "sher_rl" / "__init__.py").read_text().partition('__version__ = "')[2].partition('"')[0]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_python_that_is_named_is_tried() -> None:
    named = [line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if "Python :: 3." in line]
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert f"python: {named}".replace("'", '"') in workflow
    assert f">={named[0]}" == PROJECT["project"]["requires-python"]


def test_what_errors_advise_to_install_is_what_the_extras_have() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    source = "".join(path.read_text() for path in (ROOT / "sher_rl").rglob("*.py"))
    for name, packages in (("plot", "matplotlib"), ("density", "scikit-learn"), ("video", "imageio imageio-ffmpeg")):
        assert extras[name] == packages.split(" ")
        assert f"run pip install {packages}" in source
    assert "pip install 'sher-rl" not in source
