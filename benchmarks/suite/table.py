"""Print a pytest-benchmark JSON as a Markdown table of ratios: ``python benchmarks/suite/table.py FILE``."""

import sys
from pathlib import Path

from benchmarks.suite.ratios import read_ratios


def main(path: Path) -> None:
    """Read the file and print the table."""
    print("| what | ours, ms | rival | rival, ms | ours is faster by |")
    print("|---|---:|---|---:|---:|")
    for ratio in read_ratios(path):
        times = f"{ratio.ours * 1e3:.3f} | {ratio.rival} | {ratio.theirs * 1e3:.3f}"
        print(f"| {ratio.group} | {times} | {ratio.value:.2f}x |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
