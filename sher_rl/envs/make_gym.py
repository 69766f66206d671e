"""gymnasium's own environments, imported when asked for, since MuJoCo may be absent."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sher_rl.envs.compatibility import mend_joint_types
from sher_rl.errors import UsageError
from sher_rl.tasks import MOVING_RECORDS, TASKS, check_env_id

if TYPE_CHECKING:
    import gymnasium

GOAL_KEYS = ("observation", "achieved_goal", "desired_goal")
"""What a goal environment observes."""


def make_gym(env_id: str, **gym_kwargs: Any) -> gymnasium.Env:
    """``gymnasium.make`` for goal environments: with gymnasium-robotics' tasks registered, and any MuJoCo from 3.3 on.

    Args:
        env_id: gymnasium id, ``module:id`` for an environment that a module of yours registers.
        **gym_kwargs: for ``gymnasium.make``.

    Raises:
        UsageError: the id is retired, unknown or of no goal environment.

    >>> make_gym("FetchReach-v4").reset(seed=0)[0]["desired_goal"].shape
    (3,)
    """
    check_env_id(env_id)
    gymnasium = import_gymnasium()
    try:
        env = gymnasium.make(env_id, **gym_kwargs)
    except gymnasium.error.Error as error:
        raise UsageError(f"env_id {env_id!r} is unknown to gymnasium; tasks are {', '.join(TASKS)}.") from error
    spaces = getattr(env.observation_space, "spaces", {})
    missing = set(GOAL_KEYS) - set(spaces)
    if missing:
        env.close()
        raise UsageError(
            f"env_id {env_id!r} is no goal environment: its observation lacks {', '.join(sorted(missing))}."
        )
    return env


def import_gymnasium() -> ModuleType:
    """gymnasium, with gymnasium-robotics' tasks and those of moving goals registered, where MuJoCo is installed."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # a notice about Adroit, each time
        import gymnasium  # noqa: PLC0415

        if find_spec("mujoco"):
            from gymnasium_robotics.utils import mujoco_utils  # noqa: PLC0415

            mend_joint_types(mujoco_utils)
            _register_moving_goals(gymnasium)
    return gymnasium


def _register_moving_goals(gymnasium: ModuleType) -> None:
    for task in MOVING_RECORDS:
        for env_id, reward_type in ((task.env_id, "sparse"), (task.dense_id, "dense")):
            if env_id not in gymnasium.registry:
                gymnasium.register(
                    id=env_id,
                    entry_point=f"sher_rl.envs.moving:{task.title}",
                    max_episode_steps=task.episode_steps,
                    kwargs={"reward_type": reward_type},
                )
