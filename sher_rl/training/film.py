"""Films of saved policies."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from sher_rl.envs.make_gym import make_gym
from sher_rl.errors import UsageError


def film(policy: Any, path: Path, *, episodes: int, seed: int) -> int:
    """Write deterministic episodes into an mp4 of the task's own frames a second, or 25; returns the number of frames.

    Raises:
        UsageError: nothing here can render, or imageio-ffmpeg is not installed.
    """
    if not path.absolute().parent.is_dir():
        raise UsageError(f"video {str(path)!r} is in no folder; make the folder first.")
    check_film()
    from imageio import v2 as imageio  # noqa: PLC0415

    env = make_gym(policy.env_id, render_mode="rgb_array")
    count = 0
    writer: Any = imageio.get_writer(path, fps=env.metadata.get("render_fps", 25))
    with writer:
        for episode in range(episodes):
            for picture in _pictures(env, policy, seed + episode):
                writer.append_data(picture)
                count += 1
    env.close()
    return count


def check_film() -> None:
    """Make ready for films, or say what is missing.

    Raises:
        UsageError: nothing here can render, or imageio-ffmpeg is not installed.
    """
    os.environ["MUJOCO_GL"] = rendering_backend()
    if find_spec("imageio_ffmpeg") is None:
        raise UsageError("video needs imageio-ffmpeg; run pip install imageio imageio-ffmpeg.")


def _pictures(env: Any, policy: Any, seed: int) -> Iterator[np.ndarray]:
    """One picture before each step of an episode."""
    observation, _ = env.reset(seed=seed)
    done = False
    while not done:
        yield env.render()
        observation, _, terminated, truncated, _ = env.step(policy(observation))
        done = terminated or truncated


def rendering_backend() -> str:
    """Backend of MuJoCo that renders here: what ``MUJOCO_GL`` says, or the first that needs no screen.

    Raises:
        UsageError: nothing renders, or not that.
    """
    chosen = os.environ.get("MUJOCO_GL")
    if chosen:
        if not renders(chosen):
            raise UsageError(f"MUJOCO_GL is {chosen!r}, with which nothing renders here; unset it.")
        return chosen
    for name in ("egl", "osmesa"):
        if renders(name):
            return name
    raise UsageError("video needs EGL or OSMesa, and neither renders here; on Debian run apt install libosmesa6.")


@functools.cache
def renders(backend: str) -> bool:
    """Whether MuJoCo renders with a backend, tried in another process, since a failure may end it."""
    probe = "import mujoco; mujoco.Renderer(mujoco.MjModel.from_xml_string('<mujoco/>'), 64, 64).close()"
    environment = os.environ | {"MUJOCO_GL": backend}
    return subprocess.run([sys.executable, "-c", probe], env=environment, capture_output=True).returncode == 0
