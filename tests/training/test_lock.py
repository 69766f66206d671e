"""One process at a time in a run's folder."""

import errno
import fcntl
import multiprocessing
import os
import subprocess
import time
from pathlib import Path

import pytest

from sher_rl import UsageError
from sher_rl.training.lock import run_lock


def test_a_process_that_is_killed_lets_go(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    held = context.Event()

    def hold() -> None:
        with run_lock(tmp_path):
            held.set()
            time.sleep(60)

    process = context.Process(target=hold)
    process.start()
    assert held.wait(60)
    for _ in range(2):
        with pytest.raises(UsageError) as refusal, run_lock(tmp_path):
            pass
        assert str(refusal.value) == f"run folder '{tmp_path}' is in use by another process; wait until that has ended."
    process.kill()
    process.join()
    with run_lock(tmp_path):
        pass


def test_a_process_holds_it_against_itself_and_lets_go_at_the_end(tmp_path: Path) -> None:
    for _ in range(2):
        with run_lock(tmp_path), pytest.raises(UsageError, match="is in use"), run_lock(tmp_path):
            pass
    assert os.listdir(tmp_path) == [".lock"]
    assert (tmp_path / ".lock").read_bytes() == b""


def test_a_program_that_the_run_starts_does_not_hold_it(tmp_path: Path) -> None:
    with run_lock(tmp_path):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    with run_lock(tmp_path):
        child.kill()
        child.wait()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="cannot be locked"), run_lock(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_system_without_locks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with run_lock(tmp_path):
        assert "cannot be locked (No locks available); start no second process on it" in caplog.text
