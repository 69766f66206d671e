"""Print the memory that native environments take: ``python benchmarks/studies/memory.py [ENV_ID ...]``."""

import os
import sys
from pathlib import Path

from torchrl.envs import EnvBase

from sher_rl import TASKS, make_env


def resident_megabytes() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def grown(kept: list[EnvBase], env_id: str, num_envs: int) -> float:
    """Megabytes that ``num_envs`` more copies take, made and stepped together."""
    before = resident_megabytes()
    kept.append(make_env(env_id, num_envs))
    kept[-1].rollout(10)
    return resident_megabytes() - before


def main(env_ids: list[str]) -> None:
    """Of each task the first copy, which brings the model, and each further one, from batches of 4 and 36."""
    for env_id in env_ids:
        kept: list[EnvBase] = []
        _, few, many = (grown(kept, env_id, num_envs) for num_envs in (4, 4, 36))
        copy = (many - few) / 32
        print(f"{env_id}: {few - 3 * copy:.1f} MB the first, {copy:.1f} MB each further one")


if __name__ == "__main__":
    main(sys.argv[1:] or list(TASKS))
