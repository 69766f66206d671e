"""Seconds from process start for FetchPush steps with training, ours against SAC + HER of the peers.

    python -m venv peers && peers/bin/pip install -r benchmarks/peers/requirements.txt
    python benchmarks/peers/end_to_end.py ours 256                       # one update of 256 for each step
    peers/bin/python benchmarks/peers/end_to_end.py sbx 256
    python benchmarks/peers/end_to_end.py ours 2048 --samples-per-step 100

The peers step one environment, update after each episode, which is faster for sbx than after each step, and neither
evaluate nor save. Ours plays one test episode and saves policy, checkpoint and curve at the end, as each run does.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

FRAMES = 20_000


def ours(batch: int, updates_per_frame: float, folder: str) -> None:
    """The recipe's loop."""
    import dataclasses  # noqa: PLC0415

    from benchmarks.recipes import load  # noqa: PLC0415

    default = load("sher_fetch_push").CONFIG
    changes = {
        "total_frames": FRAMES,
        "batch_size": batch,
        "updates_per_batch": round(default.frames_per_batch * updates_per_frame),
        "eval_frames": FRAMES,
        "eval_episodes": 1,
        "checkpoint_minutes": 1e6,
        "buffer_size": FRAMES,
        "out_dir": Path(folder),
    }
    load("sher").main(dataclasses.replace(default, **changes))


def peer(library: str, batch: int, updates_per_frame: float) -> None:
    """SAC with hindsight replay of stable-baselines3 or sbx, three layers of 256."""
    import gymnasium  # noqa: PLC0415
    import gymnasium_robotics  # noqa: PLC0415, F401
    from stable_baselines3 import HerReplayBuffer  # noqa: PLC0415

    if library == "sbx":
        from sbx import SAC  # noqa: PLC0415
    else:
        from stable_baselines3 import SAC  # noqa: PLC0415
    model = SAC(
        "MultiInputPolicy",
        gymnasium.make("FetchPush-v4"),
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4, "goal_selection_strategy": "future"},
        policy_kwargs={"net_arch": [256, 256, 256]},
        learning_starts=1_600,
        buffer_size=FRAMES,
        batch_size=batch,
        train_freq=(50, "step"),
        gradient_steps=round(50 * updates_per_frame),
        gamma=0.98,
        seed=0,
    )
    model.learn(FRAMES)


def process_seconds() -> float:
    """Seconds since this process started."""
    started = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", choices=["ours", "sbx", "stable-baselines3"])
    parser.add_argument("batch", type=int)
    parser.add_argument("--samples-per-step", type=float, default=None)
    parser.add_argument("--folder", default="runs/end_to_end")
    known = parser.parse_args()
    share = (known.samples_per_step or known.batch) / known.batch
    if known.library == "ours":
        ours(known.batch, share, known.folder)
    else:
        peer(known.library, known.batch, share)
    print(f"{known.library}, batch {known.batch}, {share:.3f} updates a step: {process_seconds():.1f} s")
