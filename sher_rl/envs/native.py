"""A batch of Fetch or Hand environments in one process, stepped by threads at the speed of MuJoCo."""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict, TensorDictBase
from torchrl.data import Binary, Bounded, Composite, Unbounded
from torchrl.envs import EnvBase

from sher_rl.envs import mujoco_state
from sher_rl.envs.make_gym import GOAL_KEYS, make_gym
from sher_rl.envs.robots import Fetch, Hand, Robot
from sher_rl.envs.state_values import to_arrays, to_tensors
from sher_rl.envs.threads import ThreadPool, cores, uninterrupted
from sher_rl.errors import UsageError
from sher_rl.tasks import goal_moves

_LOG = logging.getLogger(__name__)


class NativeEnv(EnvBase):
    """``num_envs`` copies of a Fetch or Hand task; made by :func:`~sher_rl.make_env`.

    Every copy resets through its own gymnasium environment; only the step is batched. MuJoCo releases the
    interpreter lock while it steps, so the copies advance in parallel on ``num_threads`` threads. The
    trajectories do not depend on the number of threads. All copies share one model, unless they render.

    Args:
        env_id: one of :data:`~sher_rl.TASKS` or of the tasks whose goals move, or its dense variant.
        num_envs: copies.
        num_threads: threads that step and reset them; the default is one per core this process may use.
        **gym_kwargs: for ``gymnasium.make``.

    Raises:
        UsageError: an argument is no good.

    >>> env = NativeEnv("FetchReach-v4", 2)
    >>> env.set_seed(0)
    2
    >>> env.reset()["desired_goal"].shape
    torch.Size([2, 3])
    """

    def __init__(self, env_id: str, num_envs: int = 1, *, num_threads: int | None = None, **gym_kwargs: Any) -> None:
        threads = cores() if num_threads is None else num_threads
        if threads < 1:
            raise UsageError(f"num_threads is {num_threads}; use at least 1, or None for one per core.")
        if gym_kwargs.get("render_mode") == "human" or gym_kwargs.get("relative_control"):
            raise UsageError("render_mode='human' and relative_control are not for backend='native'; use 'gym'.")
        super().__init__(batch_size=[num_envs])
        self.goal_moves = goal_moves(env_id)
        gym = make_gym(env_id, **gym_kwargs)
        self._time_limit = (gym.spec.max_episode_steps if gym.spec else None) or sys.maxsize
        self._sims = _copies(gym.unwrapped, num_envs, env_id, gym_kwargs)
        robot = Fetch if hasattr(gym.unwrapped, "block_gripper") else Hand
        self._robot: Robot = robot(self._sims)
        self._make_specs(gym)
        self._make_rows()
        self._elapsed = np.zeros(num_envs, dtype=np.int64)
        self._seeds: Sequence[int | None] = [None] * num_envs
        self._fresh_seed = [False] * num_envs
        self._warnings = np.zeros(int(mujoco.mjtWarning.mjNWARNING), dtype=np.int64)
        self._pool = ThreadPool(min(threads, num_envs))

    def _make_rows(self) -> None:
        """Make what steps and resets write into: float32 rows, and the goals in float64, which judge a step."""
        specs = (self.full_observation_spec, self.full_reward_spec, self.full_done_spec)
        rows = {key: value for spec in specs for key, value in spec.zero().items()}
        self._buffer = TensorDict(rows, self.batch_size)
        self._rows = {key: value.numpy() for key, value in self._buffer.items()}
        self._goals = np.zeros(self._rows["desired_goal"].shape)

    def _make_specs(self, gym: Any) -> None:
        sizes = {key: gym.observation_space[key].shape[0] for key in GOAL_KEYS} | {"is_success": 1}
        n = self.batch_size
        self.observation_spec = Composite(
            {key: Unbounded((*n, size), dtype=torch.float32) for key, size in sizes.items()}, shape=n
        )
        self._action_shape = (*n, *gym.action_space.shape)
        self.action_spec = Bounded(-1.0, 1.0, self._action_shape, dtype=torch.float32)
        self.reward_spec = Unbounded((*n, 1), dtype=torch.float32)
        flags = ("done", "terminated", "truncated")
        self.done_spec = Composite({flag: Binary(shape=(*n, 1), dtype=torch.bool) for flag in flags}, shape=n)

    @uninterrupted()
    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        actions = np.clip(tensordict.get("action").detach().numpy(), -1.0, 1.0)
        controls = self._robot.controls(actions)
        mask = tensordict.get("_step", None)
        rows: Any = slice(None) if mask is None else mask.reshape(-1).numpy().nonzero()[0]
        stepped = range(len(actions)) if mask is None else rows.tolist()
        if self.goal_moves:
            self._move_goals(stepped)
        self._each(lambda i: self._robot.advance(i, controls[i]), stepped)
        self._elapsed[rows] += 1
        observation, achieved = self._robot.observe()
        reward, success = self._robot.judge(achieved, self._goals)
        over = self._elapsed >= self._time_limit
        columns = {"observation": observation, "achieved_goal": achieved, "reward": reward, "is_success": success}
        for key, values in (columns | {"truncated": over, "done": over}).items():
            self._rows[key][rows] = values.reshape(self._rows[key].shape)[rows]
        return self._buffer.clone()

    def _move_goals(self, stepped: Sequence[int]) -> None:
        """Move the goals that the last step did not meet."""
        for i in stepped:
            if not self._rows["is_success"][i]:
                self._sims[i].move_goal()
            self._goals[i] = self._sims[i].goal
            self._rows["desired_goal"][i] = self._sims[i].goal

    def _step_proc_data(self, next_tensordict_out: TensorDictBase) -> TensorDictBase:
        """Leave a step as it is, for nothing is missing; looking for it takes over 1 per cent of a HandReach step."""
        return next_tensordict_out

    def rand_action(self, tensordict: TensorDictBase | None = None) -> TensorDictBase:
        """As TorchRL's, with the same draws; asking the specs takes 1 to 3 per cent of a HandReach step longer."""
        tensordict = TensorDict({}, self.batch_size) if tensordict is None else tensordict
        return tensordict.set("action", torch.empty(self._action_shape).uniform_(-1.0, 1.0))

    @uninterrupted()
    def _reset(self, tensordict: TensorDictBase | None = None, **_: Any) -> TensorDictBase:
        mask = None if tensordict is None else tensordict.get("_reset", None)
        rows = range(len(self._sims)) if mask is None else mask.reshape(-1).numpy().nonzero()[0].tolist()
        self._count_warnings(rows)
        self._each(self._reset_one, rows)
        return self._buffer.exclude("reward").clone()

    def _reset_one(self, i: int) -> None:
        self._elapsed[i] = 0
        seed = self._seeds[i] if self._fresh_seed[i] else None
        self._fresh_seed[i] = False
        observation, _ = self._sims[i].reset(seed=seed)
        for key, value in observation.items():
            self._rows[key][i] = value
        self._goals[i] = observation["desired_goal"]
        for key in ("is_success", "truncated", "done"):
            self._rows[key][i] = 0

    def _each(self, work: Callable[[int], None], rows: Sequence[int]) -> None:
        def named(i: int) -> None:
            try:
                work(i)
            except Exception as error:
                place = f"environment {i} (seed {self._seeds[i]}, step {self._elapsed[i]} of its episode)"
                raise RuntimeError(f"{place} failed: {error}") from error

        self._pool.for_each(rows, named)

    def set_seed(self, seed: int | None = None, static_seed: bool = False) -> int | None:
        """Let environment ``i`` start as after ``reset(seed=seed + i)`` at its next reset, and go on like it.

        Args:
            seed: of the first environment; None changes nothing.
            static_seed: give every environment the same seed.

        Returns:
            ``seed + num_envs``, the first seed that was not used, or ``seed`` itself where it is static.
        """
        if seed is None:
            return None
        self._set_seed(seed, static_seed)
        return seed if static_seed else seed + len(self._sims)

    def _set_seed(self, seed: int | None, static_seed: bool = False) -> None:
        if seed is not None:
            n = len(self._sims)
            self._seeds = [seed] * n if static_seed else list(range(seed, seed + n))
            self._fresh_seed = [True] * n

    def get_state(self) -> dict[str, Any]:
        """What the next step and reset depend on, as tensors, numbers and text; episodes may be under way."""
        return {
            "sims": to_tensors(mujoco_state.get_state(self._sims)),
            "rows": dict(self._buffer.clone()),
            "goals": torch.from_numpy(self._goals.copy()),
            "elapsed": torch.from_numpy(self._elapsed.copy()),
            "warnings": torch.from_numpy(self._warnings.copy()),
            "seeds": list(self._seeds),
            "fresh_seed": list(self._fresh_seed),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on, to the bit, as the environment that :meth:`get_state` was taken from.

        Raises:
            ValueError: the state is another task's or number's, or damaged.
        """
        mujoco_state.set_state(self._sims, to_arrays(state["sims"]))
        self._buffer.update_(state["rows"])
        self._goals[:] = state["goals"].numpy()
        self._elapsed[:] = state["elapsed"].numpy()
        self._warnings[:] = state["warnings"].numpy()
        self._seeds = list(state["seeds"])
        self._fresh_seed = list(state["fresh_seed"])
        for sim, goal in zip(self._sims, self._goals, strict=True):
            sim.goal = goal.copy()

    @property
    def warnings(self) -> dict[str, int]:
        """How often MuJoCo warned since the environment was made, by the name of its ``mjtWarning``."""
        counts = self._warnings + sum(sim.data.warning.number for sim in self._sims)
        names = [name for name in mujoco.mjtWarning.__members__ if name != "mjNWARNING"]
        return {name: int(count) for name, count in zip(names, counts, strict=True) if count}

    def _count_warnings(self, rows: Sequence[int]) -> None:
        """Add up and clear the counters of environments about to reset, as some tasks' resets do; log what is new."""
        before = self._warnings.copy()
        for i in rows:
            counts = self._sims[i].data.warning.number
            self._warnings += counts
            counts[:] = 0
        if (self._warnings > before).any():
            _LOG.warning("MuJoCo warned, counts so far: %s", self.warnings)

    def render(self, index: int = 0) -> NDArray[np.uint8]:
        """The picture of one environment, ``(height, width, 3)``; needs ``render_mode="rgb_array"``."""
        return self._sims[index].render()

    def close(self, *, raise_if_closed: bool = True) -> None:
        """Stop the threads and close the renderers."""
        super().close(raise_if_closed=raise_if_closed)
        self._pool.close()
        for sim in self._sims:
            sim.close()


def _copies(first: Any, count: int, env_id: str, gym_kwargs: dict[str, Any]) -> list[Any]:
    """``first`` and ``count - 1`` like it, which share its model unless they render, since that moves sites of it."""
    if first.render_mode is None:
        return [first, *(_twin(first) for _ in range(1, count))]
    return [first, *(make_gym(env_id, **gym_kwargs).unwrapped for _ in range(1, count))]


def _twin(sim: Any) -> Any:
    """A fresh environment like the fresh ``sim``, on the same model (7 to 13 MB, read only), with data of its own."""
    twin = object.__new__(type(sim))  # copy.copy would load the model again
    vars(twin).update(vars(sim), data=copy.copy(sim.data))
    return twin
