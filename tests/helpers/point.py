"""A goal environment small enough to learn within a test: a point in a box, moved by its action."""

import gymnasium
import numpy as np
import torch

STEPS, RADIUS, SPEED = 15, 0.25, 0.25


class Point(gymnasium.Env):
    """The point starts in the middle; the goal is anywhere in the box. A still point meets it in 1 of 60 cases."""

    def __init__(self) -> None:
        def box(size: int) -> gymnasium.spaces.Box:
            return gymnasium.spaces.Box(-1.0, 1.0, (size,), np.float32)

        keys = ("observation", "achieved_goal", "desired_goal")
        self.observation_space = gymnasium.spaces.Dict({key: box(3) for key in keys})
        self.action_space = box(3)

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        super().reset(seed=seed)
        self.position = np.zeros(3, np.float32)
        self.goal = self.np_random.uniform(-1, 1, 3).astype(np.float32)
        return self._state(), {}

    def step(self, action: np.ndarray) -> tuple[dict, float, bool, bool, dict]:
        self.position = np.clip(self.position + SPEED * action, -1, 1).astype(np.float32)
        success = bool(np.linalg.norm(self.position - self.goal) < RADIUS)
        return self._state(), success - 1.0, False, False, {"is_success": success}

    def _state(self) -> dict:
        return {"observation": self.position, "achieved_goal": self.position, "desired_goal": self.goal}


def point_reward(achieved_goal: torch.Tensor, desired_goal: torch.Tensor) -> torch.Tensor:
    near = torch.linalg.vector_norm(achieved_goal - desired_goal, dim=-1, keepdim=True) < RADIUS
    return near.float() - 1


gymnasium.register("Point-v0", Point, max_episode_steps=STEPS)
