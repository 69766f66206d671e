"""gymnasium's own environments, imported when asked for, since MuJoCo may be absent."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sher_rl.envs.compatibility import mend_joint_types
from sher_rl.errors import UsageError
from sher_rl.tasks import TASKS, check_env_id

if TYPE_CHECKING:
    import gymnasium

GOAL_KEYS = ("observation", "achieved_goal", "desired_goal")
"""What a goal environment observes."""


def make_gym(env_id: str, **gym_kwargs: Any) -> gymnasium.Env:
    """``gymnasium.make`` for goal environments, with errors that say what would work.

    Raises:
        UsageError: the id is retired, unknown or of no goal environment.
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
    """gymnasium, with the tasks of gymnasium-robotics registered, and working, where MuJoCo is installed."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # a notice about Adroit, each time
        import gymnasium  # noqa: PLC0415

        if find_spec("mujoco"):
            from gymnasium_robotics.utils import mujoco_utils  # noqa: PLC0415

            mend_joint_types(mujoco_utils)
    return gymnasium
