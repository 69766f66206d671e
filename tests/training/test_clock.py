import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sher_rl.training.clock import pausable, process_seconds


def test_seconds_count_from_the_start_of_the_process() -> None:
    code = "import time; time.sleep(1); from sher_rl.training.clock import process_seconds; print(process_seconds())"
    seconds = float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert 1.5 < seconds < 120  # the sleep and the import of torch
    assert process_seconds() > 0


CHILD = """
import select, sys
from sher_rl.training.clock import pausable, process_seconds
with pausable():
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0.01)[0]:  # a read that waits may miss a signal from just before it
        pass
    print(process_seconds(), flush=True)
"""


def test_a_stop_by_the_terminals_signal_does_not_count() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    begin = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", CHILD], start_new_session=True, **pipes) as child:
        assert child.stdout.readline() == "ready\n"
        for _ in range(2):
            child.send_signal(signal.SIGTSTP)
            wait_until(lambda: state(child.pid) == "T")
            time.sleep(1)
            child.send_signal(signal.SIGCONT)
            wait_until(lambda: state(child.pid) != "T")
        time.sleep(0.2)
        seconds = float(child.communicate("\n")[0])
    assert 0 < seconds < time.monotonic() - begin - 1.95


def state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


def test_what_is_ignored_stays_ignored_and_what_acted_acts_again() -> None:
    before = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    with pausable():
        assert signal.getsignal(signal.SIGTSTP) == signal.SIG_IGN
    signal.signal(signal.SIGTSTP, before)
    with pausable():
        assert signal.getsignal(signal.SIGTSTP) != before
    assert signal.getsignal(signal.SIGTSTP) == before
