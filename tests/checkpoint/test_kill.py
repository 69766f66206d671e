"""Runs killed by signals, in processes of their own, then resumed and compared with the run that nothing disturbed."""

import fcntl
import multiprocessing
import os
import pty
import random
import resource
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import pytest
from helpers.forked import CONTEXT
from helpers.restarted import run
from helpers.same_run import AWKWARD, assert_same_run
from helpers.small import FLAGS, REACH

from sher_rl.checkpoint.manifest import read_manifest
from sher_rl.checkpoint.run import saved_checkpoints
from sher_rl.files import read_checked

SLOW = [pytest.param(moment, marks=pytest.mark.slow) for moment in range(3, 20)]


@pytest.fixture(scope="module")
def start():
    """Start ``run`` in a fresh process, soon: a server has the imports ready."""

    def process(out_dir: Path) -> multiprocessing.Process:
        process = CONTEXT.Process(target=run, args=(out_dir,))
        process.start()
        return process

    first = CONTEXT.Process(target=time.sleep, args=(0,))
    first.start()  # and with it the server
    first.join()
    return process


@pytest.fixture(scope="module")
def undisturbed(start, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The run, and the seconds that it takes."""
    folder, begin = tmp_path_factory.mktemp("undisturbed"), time.monotonic()
    process = start(folder)
    process.join()
    assert process.exitcode == 0
    return folder / "run", time.monotonic() - begin


def wait_for_a_checkpoint_being_written(run: Path, number: int, process: multiprocessing.Process) -> None:
    """Return while the temporary folder of the ``number``-th checkpoint is there."""
    seen = set()
    while process.is_alive() and len(seen) < number:
        seen.update(path.name for path in run.glob("checkpoints/.*.part"))


@pytest.mark.parametrize("moment", [0, 1, 2, *SLOW])
def test_a_run_killed_at_any_moment_goes_on_to_the_bit(moment: int, start, undisturbed, tmp_path: Path) -> None:
    whole, seconds = undisturbed
    draw = random.Random(moment)
    for _ in range(1 + moment % 2):  # some runs are killed twice
        process = start(tmp_path)
        if moment % 3 == 0:
            wait_for_a_checkpoint_being_written(tmp_path / "run", draw.randint(1, 5), process)
        else:
            process.join(draw.uniform(0, 0.9 * seconds))
        process.kill()
        process.join()
    process = start(tmp_path)
    process.join()
    assert process.exitcode == 0
    assert_same_run(whole, tmp_path / "run")
    assert not list((tmp_path / "run").glob("checkpoints/.*"))


def test_a_second_process_is_refused_and_the_first_one_goes_on_to_the_bit(start, undisturbed, tmp_path: Path) -> None:
    first = start(tmp_path)
    while not (tmp_path / "run" / "config.json").exists():
        time.sleep(0.002)
    os.kill(first.pid, signal.SIGSTOP)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    second = start(tmp_path)
    second.join()
    assert second.exitcode == 1
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    os.kill(first.pid, signal.SIGCONT)
    first.join()
    assert first.exitcode == 0
    assert_same_run(undisturbed[0], tmp_path / "run")


def command(out_dir: Path) -> list[str]:
    """The run of ``start``, as somebody types it."""
    flags = [*FLAGS, *(f"--{key.replace('_', '-')}={value}" for key, value in AWKWARD.items() if key != "compile")]
    flags += ["--hidden", "16", "16", "--out-dir", str(out_dir), "--run-name", "run", "--checkpoint-minutes", "1e-6"]
    return [sys.executable, REACH.__file__, *flags]


def wait_for_a_checkpoint(process: subprocess.Popen, run: Path) -> None:
    while process.poll() is None and not list(run.glob("checkpoints/[0-9]*")):
        time.sleep(0.002)


def assert_it_goes_on(start, undisturbed, out_dir: Path) -> None:
    finish = start(out_dir)
    finish.join()
    assert finish.exitcode == 0
    assert_same_run(undisturbed[0], out_dir / "run", seeded=("torch_cpu",))


def use_up_processor_time(process: subprocess.Popen) -> None:
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_CPU)
    resource.prlimit(process.pid, resource.RLIMIT_CPU, (1, hard))


SEND = {
    signal.SIGTERM: subprocess.Popen.terminate,
    signal.SIGINT: lambda process: process.send_signal(signal.SIGINT),
    signal.SIGUSR1: lambda process: process.send_signal(signal.SIGUSR1),
    signal.SIGXCPU: use_up_processor_time,
}
OTHERS = [pytest.param(number, marks=pytest.mark.slow) for number in SEND if number != signal.SIGTERM]


@pytest.mark.parametrize("number", [signal.SIGTERM, *OTHERS])
def test_a_signal_is_answered_by_a_checkpoint(number: signal.Signals, undisturbed, start, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509
    )
    wait_for_a_checkpoint(process, tmp_path / "run")
    SEND[number](process)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 128 + number
    assert f"stopped by {number.name}; go on with --resume" in output
    assert_it_goes_on(start, undisturbed, tmp_path)


TIMES = [0, *(pytest.param(time, marks=pytest.mark.slow) for time in range(1, 6))]


@pytest.mark.parametrize("wait", TIMES)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_while_a_checkpoint_is_written_leaves_the_one_before(
    number: signal.Signals, wait: int, undisturbed, start, tmp_path: Path
) -> None:
    process = start(tmp_path)
    wait_for_a_checkpoint_being_written(tmp_path / "run", 2, process)
    os.kill(process.pid, number)
    wait_for_a_checkpoint_being_written(tmp_path / "run", 1, process)
    time.sleep(0.01 * wait)
    with suppress(ProcessLookupError):  # it was through already
        os.kill(process.pid, number)
    process.join()
    assert process.exitcode in (-number, 1, 128 + number)  # 1 by KeyboardInterrupt; the last where it came too late
    for path in saved_checkpoints(tmp_path / "run"):
        for name, record in read_manifest(path)["files"].items():
            read_checked(path / name, record)
    assert_it_goes_on(start, undisturbed, tmp_path)


@pytest.mark.parametrize("through", ["terminal", pytest.param("pipe", marks=pytest.mark.slow)])
def test_a_closed_terminal_is_answered_by_a_checkpoint(through: str, undisturbed, start, tmp_path: Path) -> None:
    """Also where what is shown goes through a pipe, as with ``2>&1 | tee``, whose reader ends with the terminal."""
    terminal, program = pty.openpty()
    reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

    def take_terminal() -> None:
        fcntl.ioctl(program, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    output = program if through == "terminal" else reader.stdin
    process = subprocess.Popen(
        command(tmp_path),
        stdin=program,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=take_terminal,  # noqa: PLW1509
        close_fds=False,
    )
    os.close(program)
    reader.stdin.close()
    wait_for_a_checkpoint(process, tmp_path / "run")
    reader.kill()
    os.close(terminal)
    assert process.wait(timeout=60) == 128 + signal.SIGHUP
    reader.wait()
    assert_it_goes_on(start, undisturbed, tmp_path)
