"""The films and numbers of docs/gallery.md: ``python docs/make_gallery.py``, with the extras video and plot.

Films show the first test episodes of each policy that comes with the package; success is that of 1,000 deterministic
episodes on seeds from 700,000 on, which neither training nor its tests have seen.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import sher_rl
from sher_rl.envs.make_gym import make_gym
from sher_rl.modules.policy_file import SavedPolicy
from sher_rl.training.evaluation import evaluate
from sher_rl.training.film import rendering_backend

GALLERY = Path(__file__).with_name("gallery")
TASKS = ("FetchReach", "FetchPush", "FetchPickAndPlace", "HandManipulateEgg")
SIDE = 240
FRAMES_PER_SECOND = 20
EPISODES = 1_000
SEED = 700_000


def pictures(policy: SavedPolicy, episodes: int) -> Iterator[np.ndarray]:
    """Every other step of the first test episodes."""
    env = make_gym(policy.env_id, render_mode="rgb_array", width=SIDE, height=SIDE)
    for episode in range(episodes):
        observation, _ = env.reset(seed=50_000 + episode)
        for step in range(env.spec.max_episode_steps):
            if step % 2 == 0:
                yield env.render()
            observation, *_ = env.step(policy(observation))
    env.close()


def write_gif(frames: Iterator[np.ndarray], path: Path) -> None:
    """Write a film that repeats itself, in 96 colours of its own."""
    images = [Image.fromarray(frame).quantize(96, dither=Image.Dither.NONE) for frame in frames]
    duration = 1000 // FRAMES_PER_SECOND
    images[0].save(path, save_all=True, append_images=images[1:], duration=duration, loop=0, optimize=True)


def main() -> None:
    """Film and test every policy."""
    os.environ["MUJOCO_GL"] = rendering_backend()
    GALLERY.mkdir(exist_ok=True)
    for task in TASKS:
        policy = sher_rl.load_policy(sher_rl.pretrained(task))
        film = GALLERY / f"{task}.gif"
        write_gif(pictures(policy, episodes=2 if task.startswith("Hand") else 4), film)
        env = sher_rl.make_env(policy.env_id, 20)
        success = evaluate(policy, env, episodes=EPISODES, seed=SEED)
        env.close()
        print(f"{task}: {film.stat().st_size / 1e6:.2f} MB, success {success.mean():.3f} of {EPISODES}", flush=True)


if __name__ == "__main__":
    main()
