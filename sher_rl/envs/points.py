"""What environments of points that move to goals share: everything but how they move."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor
from torchrl.data import Binary, Bounded, Composite, Unbounded
from torchrl.envs import EnvBase

from sher_rl.errors import check_counts
from sher_rl.functional.rewards import point_reward


class Points(EnvBase):
    """A batch of points, each on its own; a goal is a position, and an episode ends there or after so many steps.

    Keys and shapes are those of :func:`~sher_rl.make_env`. The action has a number from -1 to 1 for each dimension. The
    reward is 0 at the goal and -1 elsewhere. The goal of environment ``i`` is drawn as if it was seeded alone by
    ``seed + i``.

    Args:
        start: state at the start of an episode by name, ``(n,)`` each; ``position`` is what goals are of, and the
            observation is all of them, joined.
        num_envs: copies.
        distance: within which a goal is met.
        episode_steps: most steps of an episode.
        seed: seed of the first environment.

    Raises:
        UsageError: ``num_envs`` is no count.
    """

    def __init__(
        self, start: dict[str, Tensor], num_envs: int, *, distance: float, episode_steps: int, seed: int
    ) -> None:
        check_counts(num_envs=num_envs)
        super().__init__(batch_size=[num_envs])
        self.distance = distance
        self.episode_steps = episode_steps
        self._start = start
        self._state = {name: value.expand(num_envs, -1).clone() for name, value in start.items()}
        self._goal = torch.zeros_like(self._state["position"])
        self._elapsed = torch.zeros(num_envs, dtype=torch.int64)
        self._generators = [torch.Generator() for _ in range(num_envs)]
        self._make_specs()
        self.set_seed(seed)

    @abstractmethod
    def _moved(self, action: Tensor) -> dict[str, Tensor]:
        """State after a step by actions ``(num_envs, n)`` in [-1, 1]."""

    @abstractmethod
    def _goal_of(self, draw: Tensor) -> Tensor:
        """A goal ``(n,)``, of numbers ``(n,)`` drawn from [0, 1)."""

    def _make_specs(self) -> None:
        n = self.batch_size
        dims = self._goal.shape[1]
        observed = sum(len(value) for value in self._start.values())
        sizes = {"observation": observed, "achieved_goal": dims, "desired_goal": dims, "is_success": 1}
        self.observation_spec = Composite({key: Unbounded((*n, size)) for key, size in sizes.items()}, shape=n)
        self.action_spec = Bounded(-1.0, 1.0, (*n, dims), dtype=torch.float32)
        self.reward_spec = Unbounded((*n, 1))
        flags = ("done", "terminated", "truncated")
        self.done_spec = Composite({flag: Binary(shape=(*n, 1), dtype=torch.bool) for flag in flags}, shape=n)

    def reward_fn(self, achieved_goal: Tensor, desired_goal: Tensor) -> Tensor:
        """The task's reward, ``(B, n), (B, n) -> (B, 1)``: 0 where the goal is met and -1 elsewhere."""
        return point_reward(achieved_goal, desired_goal, distance=self.distance)

    def met(self, achieved_goal: Tensor, desired_goal: Tensor) -> Tensor:
        """Whether goals are met, which ends an episode, ``(B, n), (B, n) -> (B, 1)`` bool."""
        return self.reward_fn(achieved_goal, desired_goal) == 0

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        steps = self._mask(tensordict, "_step")
        moved = self._moved(tensordict.get("action").detach().clamp(-1, 1))
        self._state = {key: torch.where(steps.unsqueeze(1), moved[key], old) for key, old in self._state.items()}
        self._elapsed = self._elapsed + steps
        reward = self.reward_fn(self._state["position"], self._goal)
        met = reward == 0
        truncated = (self._elapsed >= self.episode_steps).unsqueeze(1)
        step = self._observe().set("reward", reward).set("is_success", met.float())
        return step.set("terminated", met).set("truncated", truncated).set("done", met | truncated)

    def _reset(self, tensordict: TensorDictBase | None = None, **_: Any) -> TensorDictBase:
        begins = self._mask(tensordict, "_reset")
        start = self._start
        self._state = {key: torch.where(begins.unsqueeze(1), start[key], old) for key, old in self._state.items()}
        self._elapsed = self._elapsed.masked_fill(begins, 0)
        self._goal = self._goal.clone()
        for i in begins.nonzero().flatten().tolist():
            self._goal[i] = self._goal_of(torch.rand(self._goal.shape[1], generator=self._generators[i]))
        return self._observe().update(self.full_done_spec.zero()).set("is_success", torch.zeros(*self.batch_size, 1))

    def _mask(self, tensordict: TensorDictBase | None, key: str) -> Tensor:
        """Which environments are meant, bool ``(num_envs,)``; all, where nothing is said."""
        mask = None if tensordict is None else tensordict.get(key, None)
        return torch.ones(self.batch_size, dtype=torch.bool) if mask is None else mask.reshape(self.batch_size)

    def _observe(self) -> TensorDict:
        values = {
            "observation": torch.cat(tuple(self._state.values()), 1),
            "achieved_goal": self._state["position"],
            "desired_goal": self._goal,
        }
        return TensorDict(values, self.batch_size)

    def set_seed(self, seed: int | None = None, static_seed: bool = False) -> int | None:
        """Let environment ``i`` draw its goals from ``seed + i`` on; None changes nothing.

        Args:
            seed: of the first environment.
            static_seed: give every environment the same seed.

        Returns:
            ``seed + num_envs``, the first seed that was not used, or ``seed`` itself where it is static.
        """
        if seed is None:
            return None
        self._set_seed(seed, static_seed)
        return seed if static_seed else seed + len(self._generators)

    def _set_seed(self, seed: int | None, static_seed: bool = False) -> None:
        if seed is not None:
            for i, generator in enumerate(self._generators):
                generator.manual_seed(seed if static_seed else seed + i)

    def get_state(self) -> dict[str, Any]:
        """What the next step and reset depend on, as tensors; episodes may be under way."""
        return {
            **self._state,
            "goal": self._goal,
            "elapsed": self._elapsed,
            "generators": [generator.get_state() for generator in self._generators],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on, to the bit, as the environment that :meth:`get_state` was taken from."""
        self._state = {name: state[name] for name in self._state}
        self._goal = state["goal"]
        self._elapsed = state["elapsed"]
        for generator, saved in zip(self._generators, state["generators"], strict=True):
            generator.set_state(saved)
