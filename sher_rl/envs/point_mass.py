"""A point mass in several dimensions, most of which are narrow: a task where few goals can be reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor
from torchrl.data import Binary, Bounded, Composite, Unbounded
from torchrl.envs import EnvBase

from sher_rl.errors import UsageError, check_counts
from sher_rl.functional.rewards import point_reward

TIME_STEP = 0.02
FASTEST = 5.0
EPISODE_STEPS = 200


class PointMass(EnvBase):
    """A batch of point masses, each in a box of its own dimensions: ``|x1| <= 1``, ``|x2| <= 5`` and the rest 0.3.

    An episode starts at rest in the middle, and ends at the goal or after 200 steps of 0.02 s. The action is the
    acceleration in m/s², from -1 to 1; velocities go up to 5 m/s. A goal is a position, met within ``0.3 sqrt(n / 2)``
    m; the reward is 0 there and -1 elsewhere. Goals are drawn from a box, by default ``[-5, 5]^n``: where ``n = 2`` one
    in five is in the mass's own box, and with each dimension more the share falls to 0.06 of what it was.

    Keys and shapes are those of :func:`~sher_rl.make_env`; ``observation`` is position and velocity. The goal of
    environment ``i`` is drawn as if it was seeded alone by ``seed + i``.

    Args:
        dims: n, at least 2.
        num_envs: copies.
        goal_limits: half widths of the box that goals are drawn from, ``(n,)``; of :func:`point_mass_limits` all are
            in reach.
        seed: seed of the first environment.

    Raises:
        UsageError: an argument is out of range.

    The point mass of Goal GAN (Florensa et al., ICML 2018, arXiv:1705.06366, section 5.3), in our numbers for what
    the paper leaves open: the bound on the acceleration.

    >>> env = PointMass(2, num_envs=3)
    >>> env.rollout(5)["next", "observation"].shape
    torch.Size([3, 5, 4])
    """

    def __init__(
        self, dims: int, num_envs: int = 1, *, goal_limits: Sequence[float] | None = None, seed: int = 0
    ) -> None:
        check_counts(num_envs=num_envs)
        check_counts(2, dims=dims)
        super().__init__(batch_size=[num_envs])
        self.dims = dims
        self.limits = torch.tensor(point_mass_limits(dims))
        self.goal_limits = torch.tensor([5.0] * dims if goal_limits is None else goal_limits)
        if self.goal_limits.shape != (dims,) or not (self.goal_limits > 0).all():
            raise UsageError(f"goal_limits are {goal_limits}; use {dims} numbers above 0.")
        self.distance = 0.3 * math.sqrt(dims / 2)
        self._make_specs()
        self._position = torch.zeros(num_envs, dims)
        self._velocity = torch.zeros(num_envs, dims)
        self._goal = torch.zeros(num_envs, dims)
        self._elapsed = torch.zeros(num_envs, dtype=torch.int64)
        self._generators = [torch.Generator() for _ in range(num_envs)]
        self.set_seed(seed)

    def _make_specs(self) -> None:
        n = self.batch_size
        sizes = {"observation": 2 * self.dims, "achieved_goal": self.dims, "desired_goal": self.dims, "is_success": 1}
        self.observation_spec = Composite({key: Unbounded((*n, size)) for key, size in sizes.items()}, shape=n)
        self.action_spec = Bounded(-1.0, 1.0, (*n, self.dims), dtype=torch.float32)
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
        action = tensordict.get("action").detach().clamp(-1, 1)
        velocity = (self._velocity + TIME_STEP * action).clamp(-FASTEST, FASTEST)
        position = (self._position + TIME_STEP * velocity).clamp(-self.limits, self.limits)
        self._velocity = torch.where(steps.unsqueeze(1), velocity, self._velocity)
        self._position = torch.where(steps.unsqueeze(1), position, self._position)
        self._elapsed = self._elapsed + steps
        reward = self.reward_fn(self._position, self._goal)
        met = reward == 0
        truncated = (self._elapsed >= EPISODE_STEPS).unsqueeze(1)
        step = self._observe().set("reward", reward).set("is_success", met.float())
        return step.set("terminated", met).set("truncated", truncated).set("done", met | truncated)

    def _reset(self, tensordict: TensorDictBase | None = None, **_: Any) -> TensorDictBase:
        begins = self._mask(tensordict, "_reset")
        self._position = self._position.masked_fill(begins.unsqueeze(1), 0.0)
        self._velocity = self._velocity.masked_fill(begins.unsqueeze(1), 0.0)
        self._elapsed = self._elapsed.masked_fill(begins, 0)
        self._goal = self._goal.clone()
        for i in begins.nonzero().flatten().tolist():
            draw = torch.rand(self.dims, generator=self._generators[i])
            self._goal[i] = self.goal_limits * (2 * draw - 1)
        return self._observe().update(self.full_done_spec.zero()).set("is_success", torch.zeros(*self.batch_size, 1))

    def _mask(self, tensordict: TensorDictBase | None, key: str) -> Tensor:
        """Which environments are meant, bool ``(num_envs,)``; all, where nothing is said."""
        mask = None if tensordict is None else tensordict.get(key, None)
        return torch.ones(self.batch_size, dtype=torch.bool) if mask is None else mask.reshape(self.batch_size)

    def _observe(self) -> TensorDict:
        state = torch.cat((self._position, self._velocity), 1)
        values = {"observation": state, "achieved_goal": self._position, "desired_goal": self._goal}
        return TensorDict(values, self.batch_size)

    def set_seed(self, seed: int | None = None, static_seed: bool = False) -> int | None:
        """Let environment ``i`` draw its goals from ``seed + i`` on; None changes nothing.

        Args:
            seed: of the first environment.
            static_seed: give every environment the same seed.

        Returns:
            The first seed that was not used: ``seed + num_envs``; ``seed`` itself where it is static.
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
            "position": self._position,
            "velocity": self._velocity,
            "goal": self._goal,
            "elapsed": self._elapsed,
            "generators": [generator.get_state() for generator in self._generators],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on, to the bit, as the environment that :meth:`get_state` was taken from."""
        self._position = state["position"]
        self._velocity = state["velocity"]
        self._goal = state["goal"]
        self._elapsed = state["elapsed"]
        for generator, saved in zip(self._generators, state["generators"], strict=True):
            generator.set_state(saved)


def point_mass_limits(dims: int) -> tuple[float, ...]:
    """Half widths of the box that a point mass moves in.

    >>> point_mass_limits(4)
    (1.0, 5.0, 0.3, 0.3)
    """
    return (1.0, 5.0, *[0.3] * (dims - 2))
