"""Training updates a second, ours against SAC + HER of stable-baselines3 and sbx, taking turns in one run.

    python -m venv peers && peers/bin/pip install -r benchmarks/peers/requirements.txt
    python benchmarks/peers/peers.py peers/bin/python [BATCH ...]

Each library runs in a process of its own and works only when it is its turn; sampling is included.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROUNDS = 7


class Worker:
    """A process of a script beside this file, which takes numbers and answers with the seconds they took."""

    def __init__(self, python: str, script: str, *args: str) -> None:
        command = [python, str(HERE / script), *args]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.seconds(10)

    def seconds(self, number: int) -> float:
        """Hand over a number, of updates or of rows, and wait for the answer."""
        assert self.process.stdin
        assert self.process.stdout
        print(number, file=self.process.stdin, flush=True)
        for line in self.process.stdout:
            if line.startswith("seconds "):
                return float(line.split()[1])
        raise RuntimeError("the worker ended without an answer; see its messages above")

    def close(self) -> None:
        """End the process."""
        self.process.communicate("")


def main(peers_python: str, batches: list[int]) -> None:
    """Measure and print a table."""
    print("| shape | batch | library | updates/s | samples/s | ours is faster by |")
    print("|---|---:|---|---:|---:|---:|")
    for shape in ("push", "egg"):
        for batch in batches:
            measure(peers_python, shape, batch)


def measure(peers_python: str, shape: str, batch: int) -> None:
    """Let the libraries take turns at one shape and batch, and print their rows."""
    pythons = {"ours": sys.executable, "sbx": peers_python, "stable-baselines3": peers_python}
    workers = {
        library: Worker(python, "peers_worker.py", library, shape, str(batch)) for library, python in pythons.items()
    }
    updates = max(10, 20_000 // batch)
    rates: dict[str, list[float]] = {library: [] for library in workers}
    for _ in range(ROUNDS):
        for library, worker in workers.items():
            rates[library].append(updates / worker.seconds(updates))
    for worker in workers.values():
        worker.close()
    medians = {library: statistics.median(values) for library, values in rates.items()}
    for library, rate in medians.items():
        print(f"| {shape} | {batch} | {library} | {rate:.0f} | {rate * batch:,.0f} | {medians['ours'] / rate:.2f}x |")


if __name__ == "__main__":
    main(sys.argv[1], [int(batch) for batch in sys.argv[2:]] or [256, 1024, 4096])
