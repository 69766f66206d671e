"""Watch a running recipe: ``python benchmarks/studies/soak.py 30 soak.csv -- python recipes/sher_hand_egg.py ...``.

Samples memory, threads and open files of the process and its updates a second into a csv for so many minutes, and
says whether they are flat after a warm-up of a third of the time. Ends the process by SIGTERM. Linux only.
Memory grows until the buffer is full: choose a --buffer-size that is full within the warm-up.
"""

from __future__ import annotations

import csv
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

COLUMNS = "seconds memory_mb threads open_files updates_per_s".split()
EVERY = 5.0
LIMITS = {"memory_mb": 0.05, "threads": 0.0, "open_files": 0.0, "updates_per_s": 0.15}
"""How far the last third's median may be from the middle third's, relative to it."""


def sample(pid: int) -> dict[str, float]:
    """Resident memory, threads and open files as /proc tells them."""
    status = Path(f"/proc/{pid}/status").read_text()
    numbers = {name: int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("VmRSS", "Threads")}
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return {"memory_mb": numbers["VmRSS"] / 1024, "threads": numbers["Threads"], "open_files": files}


def follow(process: subprocess.Popen, last: dict[str, float]) -> None:
    """Keep the last ``upd/s`` of the progress bar."""
    text = ""
    while chunk := process.stderr.read(256):
        text = text[-2_000:] + chunk
        if found := re.findall(r"upd/s=(\d+)", text):
            last["updates_per_s"] = float(found[-1])


def watch(command: list[str], minutes: float, out: Path) -> list[dict[str, float]]:
    """Run ``command`` and sample it, a csv row at a time; exits if it ends before the time or not as SIGTERM asks."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    rows, begin, last = [], time.monotonic(), {"updates_per_s": float("nan")}
    threading.Thread(target=follow, args=(process, last), daemon=True).start()
    with out.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        while time.monotonic() - begin < 60 * minutes:
            rows.append({"seconds": round(time.monotonic() - begin, 1), **sample(process.pid), **last})
            writer.writerow(rows[-1])
            file.flush()
            time.sleep(EVERY)
            if process.poll() is not None:
                sys.exit(
                    f"the command ended by itself after {rows[-1]['seconds']:.0f} s, with code {process.returncode}"
                )
    process.send_signal(signal.SIGTERM)
    if (code := process.wait()) != 128 + signal.SIGTERM:
        sys.exit(f"the command ended with code {code} when it was asked to stop")
    return rows


def verdict(rows: list[dict[str, float]]) -> bool:
    """Print the medians of the middle and the last third of the time, and whether each column is flat."""
    third = len(rows) // 3
    parts, flat = (rows[third : 2 * third], rows[2 * third :]), True
    for column, limit in LIMITS.items():
        before, after = (statistics.median(row[column] for row in part if row[column] == row[column]) for part in parts)
        fine = abs(after - before) <= limit * before
        flat &= fine
        print(f"{column:>14}: {before:10.1f} then {after:10.1f}  {'flat' if fine else 'NOT FLAT'}")
    return flat


if __name__ == "__main__":
    if len(sys.argv) < 5 or sys.argv[3] != "--":
        sys.exit(__doc__)
    sys.exit(0 if verdict(watch(sys.argv[4:], float(sys.argv[1]), Path(sys.argv[2]))) else 1)
