"""Print the memory that one more native environment takes: ``python benchmarks/memory.py [ENV_ID ...]``."""

import os
import sys
from pathlib import Path

from sher_rl import TASKS, make_env


def resident_megabytes() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main(env_ids: list[str]) -> None:
    """Grow from 4 to 20 environments of each task, all stepped."""
    for env_id in env_ids:
        few = make_env(env_id, 4)
        few.rollout(10)
        before = resident_megabytes()
        more = make_env(env_id, 16)
        more.rollout(10)
        print(f"{env_id}: {(resident_megabytes() - before) / 16:.1f} MB an environment")


if __name__ == "__main__":
    main(sys.argv[1:] or list(TASKS))
