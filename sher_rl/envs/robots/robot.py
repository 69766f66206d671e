"""The interface of a robot, and what the two robots share.

The expressions of this folder keep the operations, their order and the dtypes of gymnasium-robotics, so the results are
equal to its own to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Robot(Protocol):
    """What a batched environment asks of a robot; ``sims`` are unwrapped gymnasium environments of one task."""

    signature: int
    """The parts of MuJoCo's state that a row of controls sets, as ``mjtState`` bits."""

    def __init__(self, sims: Sequence[Any]) -> None: ...

    def controls(self, actions: Array) -> Array:
        """Rows for :meth:`advance` from float32 actions in [-1, 1], ``(n, a)``."""

    def advance(self, i: int, control: Array) -> None:
        """Run the physics of environment ``i`` for one step; environments may advance in different threads."""

    def observe(self) -> tuple[Array, Array]:
        """Observations and achieved goals of all environments after :meth:`advance`, float64."""

    def judge(self, achieved: Array, desired: Array) -> tuple[Array, Array]:
        """Rewards and successes (0 or 1) of goals ``(n, g)``, both ``(n,)``."""


def worlds(sims: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Model and data of each, sensors off: no task observes them, and a hand's take over 1 per cent of its physics."""
    for sim in sims:
        sim.model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_SENSOR)
    return [(sim.model, sim.data) for sim in sims]


def rows(views: list[Array], n: int) -> Array:
    """One row for each of ``n`` environments, of views that stand environment by environment."""
    return np.concatenate(views).reshape(n, -1)


def judge_points(sim: Any, achieved: Array, desired: Array) -> tuple[Array, Array]:
    """Rewards and successes of goals that are points, ``(n,)`` each."""
    distance = np.linalg.norm(achieved - desired, axis=-1)
    success = distance < sim.distance_threshold
    if sim.reward_type == "sparse":
        return -(distance > sim.distance_threshold).astype(np.float32), success
    return -distance, success
