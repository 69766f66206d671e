"""One library's training updates, for peers.py: reads how many to take, writes the seconds they took."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial


def ours(shape: str, batch: int) -> Callable[[int], None]:
    """Our recipes' updates, on all cores."""
    from benchmarks.recipes import load  # noqa: PLC0415

    load("openmp")  # before torch, as the recipes
    from benchmarks.suite.subjects import SHAPES, fused_updates  # noqa: PLC0415

    return fused_updates(SHAPES[shape], batch)


def ours_on_one_thread(shape: str, batch: int) -> Callable[[int], None]:
    """What training goes over to beside a busy process."""
    run = ours(shape, batch)
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
    return run


def peer(library: str, shape: str, batch: int) -> Callable[[int], None]:
    """SAC with hindsight replay of stable-baselines3 or sbx, three layers of 256, on a goal task of this shape."""
    import gymnasium  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    from stable_baselines3 import HerReplayBuffer  # noqa: PLC0415

    sizes = {"push": (25, 3, 4), "egg": (61, 7, 20)}[shape]

    class Drift(gymnasium.Env):
        """Random states of the task's sizes; episodes of 50 steps."""

        def __init__(self) -> None:
            def box(size: int, limit: float = np.inf) -> gymnasium.spaces.Box:
                return gymnasium.spaces.Box(-limit, limit, (size,), np.float32)

            keys = ("observation", "achieved_goal", "desired_goal")
            self.observation_space = gymnasium.spaces.Dict(
                dict(zip(keys, map(box, (sizes[0], sizes[1], sizes[1])), strict=True))
            )
            self.action_space = box(sizes[2], 1.0)
            self.steps = 0

        def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
            self.steps = 0
            return self.observation_space.sample(), {}

        def step(self, action: np.ndarray) -> tuple[dict, float, bool, bool, dict]:
            self.steps += 1
            return self.observation_space.sample(), -1.0, False, self.steps == 50, {}

        def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: object) -> np.ndarray:
            return -(np.linalg.norm(achieved - desired, axis=-1) > 0.05).astype(np.float32)

    if library == "sbx":
        from sbx import SAC  # noqa: PLC0415
    else:
        from stable_baselines3 import SAC  # noqa: PLC0415
    model = SAC(
        "MultiInputPolicy",
        Drift(),
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4, "goal_selection_strategy": "future"},
        policy_kwargs={"net_arch": [256, 256, 256]},
        learning_starts=20_000,
        buffer_size=50_000,
        batch_size=batch,
        gamma=0.98,
        seed=0,
    )
    model.learn(10_000)  # fills the buffer, learns nothing

    def run(count: int) -> None:
        model.train(gradient_steps=count, batch_size=batch)

    return run


def main(library: str, shape: str, batch: str) -> None:
    """Answer each number on standard input."""
    makers = {"ours": ours, "ours, one thread": ours_on_one_thread}
    make = makers.get(library, partial(peer, library))
    run = make(shape, int(batch))
    for line in sys.stdin:
        start = time.perf_counter()
        run(int(line))
        print("seconds", time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
