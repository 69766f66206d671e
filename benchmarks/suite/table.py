"""Print a pytest-benchmark JSON as a Markdown table of ratios: ``python benchmarks/suite/table.py FILE``.

Within a group of measurements the one whose ``subject`` is ``ours`` stands against each of the others, and
against the median seconds in its ``rivals``, which were measured in turns with it.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path


def main(path: str) -> None:
    """Read the file and print the table."""
    groups: dict[str, dict[str, float]] = defaultdict(dict)
    for entry in json.loads(Path(path).read_text())["benchmarks"]:
        info, medians = entry["extra_info"], groups[entry["group"]]
        medians |= {info["subject"]: entry["stats"]["median"]} | info.get("rivals", {})
    print("| what | ours, ms | rival | rival, ms | ours is faster by |")
    print("|---|---:|---|---:|---:|")
    for group, medians in groups.items():
        mine = medians.pop("ours")
        for rival, median in medians.items():
            print(f"| {group} | {mine * 1e3:.3f} | {rival} | {median * 1e3:.3f} | {median / mine:.2f}x |")


if __name__ == "__main__":
    main(sys.argv[1])
