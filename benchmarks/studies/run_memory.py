"""Print the peak memory of a training run whose buffer is full: ``python benchmarks/studies/run_memory.py [RECIPE]``.

The recipe's own parts and numbers. The buffer is filled by writing one rollout again and again; then training
collects, updates, evaluates and saves a checkpoint as always.
"""

import dataclasses
import resource
import sys
from pathlib import Path

import sher_rl
from benchmarks.recipes import load
from sher_rl.training.run import TRANSITION


def peak_megabytes() -> float:
    """Highest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def fill(config: sher_rl.Config, parts: sher_rl.Parts) -> None:
    """Write one rollout again and again until the buffer is full."""
    steps = config.frames_per_batch // config.num_envs
    rows = parts.env.rollout(steps, break_when_any_done=False).select(*TRANSITION)
    while len(parts.buffer) < config.buffer_size:
        parts.buffer.extend(rows)


def main(name: str = "sher_hand_egg", folder: str = "runs/memory") -> None:
    """Run four rounds of the recipe with a full buffer."""
    default = load(name).CONFIG
    sher_rl.make_env(default.env_id).rollout(2)
    imported = peak_megabytes()
    frames = 4 * default.frames_per_batch
    config = dataclasses.replace(
        default, total_frames=frames, eval_frames=frames, random_frames=0, out_dir=Path(folder)
    )
    parts = load("sher").build(config)
    fill(config, parts)
    sher_rl.train(config, **vars(parts))
    above = peak_megabytes() - imported
    print(f"{name}, {config.buffer_size:,} transitions: {above:,.0f} MB above the imports ({imported:,.0f} MB)")


if __name__ == "__main__":
    main(*sys.argv[1:])
