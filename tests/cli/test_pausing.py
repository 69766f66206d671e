import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sher_rl import UsageError
from sher_rl.cli.pausing import go_on, pause, processes
from sher_rl.training.lock import run_lock

RUN = """
import subprocess, sys
from pathlib import Path
from sher_rl.training.clock import pausable
from sher_rl.training.lock import run_lock
subprocess.Popen([sys.executable, "-c", "while True: pass"])  # a helper, which computes, too
with run_lock(Path(sys.argv[1])), pausable():
    while True:
        pass
"""
OTHER = "import time; time.sleep(60)"


def seconds_of(folder: Path) -> list[float]:
    """Processor time of each process of a folder's runs."""
    stats = [Path(f"/proc/{process}/stat").read_text() for process in processes(folder)]
    times = [map(int, stat.rpartition(")")[2].split()[11:13]) for stat in stats]
    return [sum(each) / os.sysconf("SC_CLK_TCK") for each in times]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """A run that computes, and prints into a log, as those of a plan do."""
    folder = tmp_path / "fetch_push-her-s0"
    folder.mkdir()
    with open(tmp_path / "fetch_push-her-s0.log", "w") as log:
        child = subprocess.Popen([sys.executable, "-c", RUN, str(folder)], stdout=log, start_new_session=True)
    yield child
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def test_a_run_stops_while_it_is_paused_even_one_that_only_imports(run: subprocess.Popen, tmp_path: Path) -> None:
    assert processes(tmp_path)[run.pid] == "fetch_push-her-s0"
    assert pause(tmp_path) == ["fetch_push-her-s0"]
    used = seconds_of(tmp_path)
    time.sleep(1)
    assert seconds_of(tmp_path) == used
    assert len(used) == 2
    assert pause(tmp_path) == ["fetch_push-her-s0"]  # again, which changes nothing
    assert go_on(tmp_path) == ["fetch_push-her-s0"]
    time.sleep(2)
    assert all(later > before for later, before in zip(seconds_of(tmp_path), used, strict=True))
    assert go_on(tmp_path) == []


def test_what_is_no_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    log = tmp_path / "run.log"
    log.touch()
    with log.open() as file, run_lock(tmp_path / "run"):
        reader = subprocess.Popen([sys.executable, "-c", OTHER], stdin=file, start_new_session=True)
        assert processes(tmp_path) == {}  # neither the reader nor this very process
        assert pause(tmp_path) == []
        reader.kill()
        reader.wait()
    assert pause(tmp_path / "nowhere") == []


def test_one_that_does_not_listen_is_named(tmp_path: Path) -> None:
    with open(tmp_path / "run.log", "w") as log:
        child = subprocess.Popen([sys.executable, "-c", OTHER], stdout=log, start_new_session=True)
    with pytest.raises(UsageError, match=rf"run \(process {child.pid}\) did not stop within 0.5 s"):
        pause(tmp_path, patience=0.5)
    assert child.poll() is None
    child.send_signal(signal.SIGTERM)
    child.wait()
