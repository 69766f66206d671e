import subprocess
import sys

from sher_rl.training.clock import process_seconds


def test_seconds_count_from_the_start_of_the_process() -> None:
    code = "import time; time.sleep(1); from sher_rl.training.clock import process_seconds; print(process_seconds())"
    seconds = float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert 1.5 < seconds < 120  # the sleep and the import of torch
    assert process_seconds() > 0
