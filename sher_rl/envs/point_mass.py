"""A point mass in several dimensions, most of which are narrow: a task where few goals can be reached."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from sher_rl.envs.points import Points
from sher_rl.errors import UsageError, check_counts

TIME_STEP = 0.02
FASTEST = 5.0
EPISODE_STEPS = 200


class PointMass(Points):
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
        check_counts(2, dims=dims)
        start = {"position": torch.zeros(dims), "velocity": torch.zeros(dims)}
        distance = 0.3 * math.sqrt(dims / 2)
        super().__init__(start, num_envs, distance=distance, episode_steps=EPISODE_STEPS, seed=seed)
        self.limits = torch.tensor(point_mass_limits(dims))
        self.goal_limits = torch.tensor([5.0] * dims if goal_limits is None else goal_limits)
        if self.goal_limits.shape != (dims,) or not (self.goal_limits > 0).all():
            raise UsageError(f"goal_limits are {goal_limits}; use {dims} numbers above 0.")

    def _moved(self, action: Tensor) -> dict[str, Tensor]:
        velocity = (self._state["velocity"] + TIME_STEP * action).clamp(-FASTEST, FASTEST)
        position = (self._state["position"] + TIME_STEP * velocity).clamp(-self.limits, self.limits)
        return {"position": position, "velocity": velocity}

    def _goal_of(self, draw: Tensor) -> Tensor:
        return self.goal_limits * (2 * draw - 1)


def point_mass_limits(dims: int) -> tuple[float, ...]:
    """Half widths of the box that a point mass moves in.

    >>> point_mass_limits(4)
    (1.0, 5.0, 0.3, 0.3)
    """
    return (1.0, 5.0, *[0.3] * (dims - 2))
