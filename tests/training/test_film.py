import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import gymnasium
import numpy as np
import pytest
from helpers.small import small_run

from sher_rl import GoalDims, GoalNormalizer, UsageError, load_policy, make_networks, make_policy
from sher_rl.modules.policy_file import save_policy
from sher_rl.training.film import film, renders


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run(tmp_path_factory.mktemp("runs"), seed=2)


def play(*args: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "sher_rl.play", *args]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


def test_video_is_written_or_the_missing_piece_named(run: Path, tmp_path: Path) -> None:
    result = play(str(run), "--episodes", "1", "--video", str(tmp_path / "out.mp4"))
    if result.returncode:
        assert "video needs" in result.stderr
        assert not (tmp_path / "out.mp4").exists()
        return
    import imageio_ffmpeg

    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "out.mp4"))
    assert (frames, seconds) == (50, 2.0)
    assert "1 episodes of FetchReach-v4, 50 frames" in result.stdout


class Dark(gymnasium.Env):
    """A goal environment whose pictures have no rate of their own; episodes of ten steps."""

    metadata: ClassVar = {"render_modes": ["rgb_array"]}
    observation_space = gymnasium.spaces.Dict(
        {key: gymnasium.spaces.Box(-1, 1, (2,)) for key in ("observation", "achieved_goal", "desired_goal")}
    )
    action_space = gymnasium.spaces.Box(-1, 1, (2,))

    def __init__(self, render_mode: str) -> None:
        self.render_mode = render_mode

    def reset(self, **kwargs):
        return {key: np.zeros(2, np.float32) for key in self.observation_space}, {}

    def step(self, action):
        return self.reset()[0], -1.0, False, False, {}

    def render(self):
        return np.zeros((64, 64, 3), np.uint8)


def test_a_task_without_a_rate_is_filmed_at_25(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    monkeypatch.setenv("MUJOCO_GL", os.environ.get("MUJOCO_GL", ""))
    monkeypatch.setitem(
        gymnasium.registry, "Dark-v0", gymnasium.envs.registration.EnvSpec("Dark-v0", Dark, max_episode_steps=10)
    )
    dims = GoalDims(2, 2, 2)
    normalizer = GoalNormalizer(dims)
    policy = make_policy(normalizer.observation, normalizer.goal, make_networks(dims, (8,))[0])
    save_policy(tmp_path / "policy.pt", policy, "Dark-v0")
    try:
        frames = film(load_policy(tmp_path), tmp_path / "out.mp4", episodes=2, seed=0)
    except UsageError:
        pytest.skip("nothing renders here")
    assert frames == 20
    assert imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "out.mp4")) == (20, 0.8)


@pytest.mark.parametrize("backend", ["broken", "glfw", "osmesa"])
def test_a_backend_that_does_not_render_gets_one_sentence(backend: str, tmp_path: Path) -> None:
    if renders(backend):
        pytest.skip("this one renders here")
    arguments = ("--pretrained", "FetchReach", "--episodes", "1", "--video", str(tmp_path / "out.mp4"))
    result = play(*arguments, MUJOCO_GL=backend)
    assert result.returncode == 1
    assert f"error: MUJOCO_GL is '{backend}', with which nothing renders here; unset it" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("backend", ["broken", "osmesa"])
def test_it_matters_to_films_only(backend: str) -> None:
    result = play("--pretrained", "FetchReach", "--episodes", "1", MUJOCO_GL=backend)
    assert "success 1.000 in 1 deterministic episodes" in result.stdout
