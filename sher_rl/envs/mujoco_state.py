"""The state of simulations as arrays: what MuJoCo's next step and gymnasium's next reset depend on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

_FULL = int(mujoco.mjtState.mjSTATE_INTEGRATION)
"""Positions, velocities, time, warm start, controls, applied forces, mocap poses, active constraints."""
_DERIVED = ("xpos", "xquat", "xmat", "site_xpos", "site_xmat", "cdof", "cvel", "subtree_com")
"""Controls and observations read these as the last substep left them, half a substep behind the positions."""


def get_state(sims: Sequence[Any]) -> dict[str, Any]:
    """Everything that unwrapped gymnasium environments of one task go on from.

    Returns:
        Arrays: ``physics`` and what is derived of it, float64 ``[n, ...]``, and ``warnings``, int64 ``[n, kinds]``;
        ``random``, the state of each environment's generator as JSON; and, where goals move, their ``goal_path``.

    >>> from sher_rl import make_env
    >>> sims = make_env("FetchReach-v4", 2)._sims
    >>> state = get_state(sims)
    >>> set_state(sims, state)
    """
    arrays = {name: np.stack([getattr(sim.data, name) for sim in sims]) for name in _DERIVED}
    arrays["physics"] = np.stack([_physics(sim) for sim in sims])
    arrays["warnings"] = np.stack([sim.data.warning.number for sim in sims]).astype(np.int64)
    if hasattr(sims[0], "goal_path"):
        arrays["goal_path"] = np.stack([sim.goal_path for sim in sims])
    random = [json.dumps(sim.np_random.bit_generator.state) for sim in sims]
    return {**arrays, "random": random}


def set_state(sims: Sequence[Any], state: dict[str, Any]) -> None:
    """Put the environments where :func:`get_state` found others of the same task and number.

    Raises:
        ValueError: the state is another task's or number's, or damaged.
    """
    for i, sim in enumerate(sims):
        physics = state["physics"][i]
        if len(state["random"]) != len(sims) or len(physics) != len(_physics(sim)):
            raise ValueError("the simulations' state does not fit the task and its number of environments")
        mujoco.mj_setState(sim.model, sim.data, physics, _FULL)
        for name in _DERIVED:
            getattr(sim.data, name)[:] = state[name][i]
        sim.data.warning.number[:] = state["warnings"][i]
        sim.np_random.bit_generator.state = json.loads(state["random"][i])
        if hasattr(sim, "goal_path"):
            sim.goal_path = state["goal_path"][i].copy()


def _physics(sim: Any) -> np.ndarray:
    values = np.empty(mujoco.mj_stateSize(sim.model, _FULL))
    mujoco.mj_getState(sim.model, sim.data, values, _FULL)
    return values
