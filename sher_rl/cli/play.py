"""Evaluate or film a saved policy: ``python -m sher_rl.play RUN --episodes 20 [--video out.mp4]``.

``python -m sher_rl.play --pretrained FetchPush`` plays one that comes with the package.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from torchrl.envs.utils import ExplorationType, set_exploration_type

from sher_rl.envs.make import default_backend, make_env
from sher_rl.envs.make_gym import make_gym
from sher_rl.errors import UsageError
from sher_rl.modules.policy import load_policy, pretrained
from sher_rl.training.config import RunConfig, exit_with_sentence
from sher_rl.training.evaluation import TEST_ENVS, evaluate


@dataclass(frozen=True)
class Args:
    """Evaluate or film a saved policy."""

    run: Annotated[Path | None, tyro.conf.Positional] = None
    """Run folder, or a policy.pt."""
    pretrained: str | None = None
    """In place of a run: task whose trained policy comes with the package, such as FetchPush."""
    episodes: int = 100
    """Deterministic episodes; with the defaults, exactly those of training's evaluations."""
    seed: int | None = None
    """Seed of the first episode; the default is the run's own test seed."""
    num_envs: int = TEST_ENVS
    """Environments stepped together; with another number products are rounded otherwise, and an episode may end so."""
    video: Path | None = None
    """Film the episodes into this mp4 instead of counting successes."""


def main(args: Args) -> None:
    """Evaluate or film what ``args`` name."""
    if args.episodes < 1:
        raise UsageError(f"episodes is {args.episodes}; use at least 1.")
    if (args.run is None) == (args.pretrained is None):
        raise UsageError("run is what to play: give a run folder, a policy.pt, or --pretrained TASK, one of them.")
    path = args.run or pretrained(str(args.pretrained))
    policy = load_policy(path)
    seed = args.seed if args.seed is not None else _test_seed(path)
    if args.video:
        frames = film(policy, args.video, episodes=args.episodes, seed=seed)
        print(f"{args.video}: {args.episodes} episodes of {policy.env_id}, {frames} frames")
        return
    env = make_env(policy.env_id, min(args.num_envs, args.episodes), backend=default_backend(policy.env_id))
    success = evaluate(policy, env, episodes=args.episodes, seed=seed)
    print(f"{policy.env_id}: success {success.mean():.3f} in {len(success)} deterministic episodes from seed {seed}")
    env.close()


def _test_seed(run: Path) -> int:
    config = (run if run.is_dir() else run.parent) / "config.json"
    return RunConfig.load(config).test_seed if config.exists() else 50_000


def film(policy: Any, path: Path, *, episodes: int, seed: int) -> int:
    """Write deterministic episodes into an mp4 of the task's own frames a second, or 25; returns the number of frames.

    Raises:
        UsageError: nothing here can render, or imageio-ffmpeg is not installed.
    """
    if not path.absolute().parent.is_dir():
        raise UsageError(f"video {str(path)!r} is in no folder; make the folder first.")
    os.environ.setdefault("MUJOCO_GL", _rendering_backend())
    try:
        import imageio_ffmpeg  # noqa: F401, PLC0415
        from imageio import v2 as imageio  # noqa: PLC0415
    except ImportError as error:
        raise UsageError("video needs imageio-ffmpeg; run pip install 'sher-rl[video]'.") from error
    env = make_gym(policy.env_id, render_mode="rgb_array")
    count = 0
    writer: Any = imageio.get_writer(path, fps=env.metadata.get("render_fps", 25))
    with writer:
        for episode in range(episodes):
            observation, _ = env.reset(seed=seed + episode)
            done = False
            while not done:
                writer.append_data(env.render())
                observation, _, terminated, truncated, _ = env.step(_act(policy, observation))
                done, count = terminated or truncated, count + 1
    env.close()
    return count


def _act(policy: Any, observation: dict) -> np.ndarray:
    state = {key: torch.as_tensor(observation[key], dtype=torch.float32) for key in ("observation", "desired_goal")}
    with torch.no_grad(), set_exploration_type(ExplorationType.DETERMINISTIC):
        return policy(**state).numpy()


def _rendering_backend() -> str:
    for name in ("egl", "osmesa"):
        probe = "import mujoco; mujoco.GLContext(64, 64).make_current()"
        environment = os.environ | {"MUJOCO_GL": name}
        if not subprocess.run([sys.executable, "-c", probe], env=environment, capture_output=True).returncode:
            return name
    raise UsageError("video needs EGL or OSMesa, and neither renders here; on Debian run apt install libosmesa6.")


def run() -> None:
    """Entry point of ``python -m sher_rl.play``."""
    exit_with_sentence(lambda: main(tyro.cli(Args)))
