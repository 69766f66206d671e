"""gymnasium-robotics' mazes, which cannot be saved by themselves."""

from __future__ import annotations

from typing import Any

import gymnasium

_AGENTS = ("point_env", "ant_env")
"""What a maze calls the environment that moves in it."""


def is_maze(env: gymnasium.Env) -> bool:
    """Whether an environment is a PointMaze or an AntMaze."""
    return hasattr(env.unwrapped, "maze") and any(hasattr(env.unwrapped, name) for name in _AGENTS)


class SaveableMaze(gymnasium.Wrapper):
    """A maze that goes on in mid-episode, to the bit, from a state that it gave.

    >>> from sher_rl.envs.make_gym import make_gym
    >>> maze = SaveableMaze(make_gym("PointMaze_UMaze-v3"))
    >>> _ = maze.reset(seed=0)
    >>> sorted(maze.get_state())
    ['agent', 'goal']
    """

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        self._maze: Any = env.unwrapped
        self._agent = next(getattr(self._maze, name) for name in _AGENTS if hasattr(self._maze, name))

    def get_state(self) -> dict[str, Any]:
        """The agent's simulation and generator, and the goal."""
        from sher_rl.envs import mujoco_state  # noqa: PLC0415 -- only mazes need MuJoCo

        return {"agent": mujoco_state.get_state([self._agent]), "goal": self._maze.goal.copy()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`get_state` gave, after a ``reset()``."""
        from sher_rl.envs import mujoco_state  # noqa: PLC0415 -- only mazes need MuJoCo

        mujoco_state.set_state([self._agent], state["agent"])
        self._maze.goal = state["goal"]
        self._maze.update_target_site_pos()
