"""Any gymnasium goal environment as a batch, one copy stepped after the other."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import torch
from tensordict import TensorDictBase
from torchrl.data import TensorSpec, Unbounded
from torchrl.envs import DoubleToFloat, SerialEnv, TransformedEnv
from torchrl.envs.gym_like import BaseInfoDictReader
from torchrl.envs.libs.gym import GymWrapper, set_gym_backend

from sher_rl import _torchrl
from sher_rl.envs.make_gym import make_gym
from sher_rl.envs.mazes import SaveableMaze, is_maze
from sher_rl.envs.state_values import to_arrays, to_tensors
from sher_rl.errors import UsageError
from sher_rl.tasks import goal_moves


class GymEnvs(TransformedEnv):
    """Copies of a gymnasium goal environment; made by :func:`~sher_rl.make_env` with ``backend="gym"``.

    A task that shall be saved in mid-episode has two methods of its own, or a wrapper with them: ``get_state()``
    returns a dictionary of NumPy arrays, numbers, text, lists and dictionaries, and ``set_state(state)`` goes on from
    it, after a ``reset()``. Its generator ``np_random`` and gymnasium's count of steps are saved beside it; the state
    of other wrappers is not.

    Args:
        env_id: gymnasium id of an environment with a goal dictionary.
        num_envs: copies.
        **gym_kwargs: for ``gymnasium.make``.

    Raises:
        UsageError: the id is retired, unknown or no goal environment.

    >>> GymEnvs("FetchReach-v4", 2).reset()["desired_goal"].shape
    torch.Size([2, 3])
    """

    def __init__(self, env_id: str, num_envs: int, **gym_kwargs: Any) -> None:
        super().__init__(SerialEnv(num_envs, partial(_GoalEnv.make, env_id, **gym_kwargs)), DoubleToFloat())
        self.goal_moves = goal_moves(env_id)

    def get_state(self) -> dict[str, Any]:
        """What the next step and reset depend on, as tensors, numbers and text; episodes may be under way.

        Raises:
            UsageError: the task has no ``get_state`` and ``set_state``, or gives something that cannot be saved.
        """
        return {"copies": [env.get_state() for env in self._running()]}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on, to the bit, as the environment that :meth:`get_state` was taken from."""
        for env, saved in zip(self._running(), state["copies"], strict=True):
            env.set_state(saved)

    def _running(self) -> list[_GoalEnv]:
        if self.base_env.is_closed:
            self.base_env.start()
        return _torchrl.copies_of(self.base_env)


class _GoalEnv(GymWrapper):
    """One gymnasium goal environment whose seed takes effect at the next reset, without a hidden one."""

    _next_seed: int | None = None
    _was_reset = False

    @classmethod
    def make(cls, env_id: str, **gym_kwargs: Any) -> _GoalEnv:
        gym = make_gym(env_id, **gym_kwargs)
        with set_gym_backend("gymnasium"):
            env = cls(SaveableMaze(gym) if is_maze(gym) else gym)
        return env.set_info_dict_reader(_SuccessReader())

    def set_seed(self, seed: int | None = None, static_seed: bool = False) -> int | None:
        self._next_seed = seed
        return seed if seed is None or static_seed else seed + 1

    def _reset(self, tensordict: Any = None, **kwargs: Any) -> Any:
        seed = self._next_seed
        self._next_seed = None
        self._was_reset = True
        return super()._reset(tensordict, **({"seed": seed} | kwargs))

    def get_state(self) -> dict[str, Any]:
        gym = self._saveable()
        state: dict[str, Any] = {"next_seed": self._next_seed}
        if not self._was_reset:
            return state
        elapsed = gym.get_wrapper_attr(_ELAPSED) if gym.has_wrapper_attr(_ELAPSED) else None
        random = json.dumps(gym.unwrapped.np_random.bit_generator.state)
        return state | {"task": to_tensors(gym.get_wrapper_attr("get_state")()), "random": random, "elapsed": elapsed}

    def set_state(self, state: dict[str, Any]) -> None:
        gym = self._saveable()
        if "task" in state:
            self.reset()  # gymnasium refuses steps before one
            gym.get_wrapper_attr("set_state")(to_arrays(state["task"]))
            gym.unwrapped.np_random.bit_generator.state = json.loads(state["random"])
            if state["elapsed"] is not None:
                gym.set_wrapper_attr(_ELAPSED, state["elapsed"])
        self._next_seed = state["next_seed"]

    def _saveable(self) -> Any:
        gym = self._env
        if not (gym.has_wrapper_attr("get_state") and gym.has_wrapper_attr("set_state")):
            raise UsageError(
                f"env_id {gym.spec.id!r} cannot be saved with a run: {type(gym.unwrapped).__name__} has no get_state() "
                "and set_state(state); give it both, or wrap it in a gymnasium.Wrapper that has them."
            )
        return gym


_ELAPSED = "_elapsed_steps"
"""Where gymnasium's TimeLimit counts."""


class _SuccessReader(BaseInfoDictReader):
    """``is_success`` from the info of a step, which mazes call ``success``; 0 where there is neither."""

    @property
    def info_spec(self) -> dict[str, TensorSpec]:
        return {"is_success": Unbounded((1,), dtype=torch.float32)}

    def __call__(self, info: dict[str, Any], tensordict: TensorDictBase) -> TensorDictBase:
        success = info.get("is_success", info.get("success", 0.0))
        return tensordict.set("is_success", torch.tensor([float(success)]))
