"""Training updates a second, ours against SAC + HER of stable-baselines3 and sbx, taking turns in one run.

    python -m venv peers && peers/bin/pip install -r benchmarks/peers/requirements.txt
    python benchmarks/peers/peers.py peers/bin/python [BATCH ...]

Each library runs in a process of its own and works only when it is its turn; sampling is included. In each round all
of them work alone, and then beside one process that is always busy, where training goes over to one thread. For the
speed with AVX2 alone, on a larger processor: ``ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2
XLA_FLAGS=--xla_cpu_max_isa=AVX2``, and a folder of its own as ``TORCHINDUCTOR_CACHE_DIR``.
"""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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


class Neighbour:
    """A process that keeps one core busy while it is let run."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        self.process.send_signal(signal.SIGSTOP)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Let it run meanwhile."""
        self.process.send_signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def main(peers_python: str, batches: list[int]) -> None:
    """Measure and print a table."""
    neighbour = Neighbour()
    print("| shape | batch | library | updates/s alone | ours is faster by | beside a busy process | of alone | ours |")
    print("|---|---:|---|---:|---:|---:|---:|---:|")
    for shape in ("push", "egg"):
        for batch in batches:
            measure(peers_python, shape, batch, neighbour)
    neighbour.close()


def measure(peers_python: str, shape: str, batch: int, neighbour: Neighbour) -> None:
    """Let the libraries take turns at one shape and batch, and print their rows."""
    pythons = {
        "ours": sys.executable,
        "ours, one thread": sys.executable,
        "sbx": peers_python,
        "stable-baselines3": peers_python,
    }
    workers = {
        library: Worker(python, "peers_worker.py", library, shape, str(batch)) for library, python in pythons.items()
    }
    alone: list[dict[str, float]] = []
    beside: list[dict[str, float]] = []
    for _ in range(ROUNDS):
        alone.append(turn(workers, batch))
        with neighbour.busy():
            beside.append(turn(workers, batch))
    for worker in workers.values():
        worker.close()
    print_rows(f"| {shape} | {batch}", medians(alone), medians(beside))


def turn(workers: dict[str, Worker], batch: int) -> dict[str, float]:
    """Updates a second of each library, one after the other."""
    updates = max(10, 20_000 // batch)
    return {library: updates / worker.seconds(updates) for library, worker in workers.items()}


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Median of each library's rates."""
    return {library: statistics.median(rates[library] for rates in rounds) for library in rounds[0]}


def print_rows(start: str, alone: dict[str, float], beside: dict[str, float]) -> None:
    """Rows of the table, one for each library."""
    for library, rate in alone.items():
        busy = beside[library]
        print(
            f"{start} | {library} | {rate:.0f} | {alone['ours'] / rate:.2f}x "
            f"| {busy:.0f} | {busy / rate:.2f} | {beside['ours'] / busy:.2f}x |",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1], [int(batch) for batch in sys.argv[2:]] or [256, 1024, 4096])
