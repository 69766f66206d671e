"""The eight Fetch and Hand tasks, and any other goal environment, as batched TorchRL environments."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor
from torchrl.envs import EnvBase

from sher_rl.errors import UsageError
from sher_rl.functional.poses import TOLERANCES, Tolerance, goal_distance, pose_errors

if TYPE_CHECKING:
    import gymnasium

RewardFn = Callable[[Tensor, Tensor], Tensor]


def _point_reward(achieved_goal: Tensor, desired_goal: Tensor, *, threshold: float, dense: bool) -> Tensor:
    distance = goal_distance(achieved_goal.double(), desired_goal.double())
    return -(distance if dense else distance > threshold).float()


def _pose_reward(achieved_goal: Tensor, desired_goal: Tensor, *, tolerance: Tolerance, dense: bool) -> Tensor:
    distance, angle = pose_errors(achieved_goal, desired_goal, any_spin=tolerance.any_spin)
    if dense:
        return -(10.0 * distance + angle).float()
    return ((distance < tolerance.distance) & (angle < tolerance.angle)).float() - 1.0


_REWARDS: dict[str, Callable[..., Tensor]] = {
    "FetchReach-v4": partial(_point_reward, threshold=0.05),
    "FetchPush-v4": partial(_point_reward, threshold=0.05),
    "FetchSlide-v4": partial(_point_reward, threshold=0.05),
    "FetchPickAndPlace-v4": partial(_point_reward, threshold=0.05),
    "HandReach-v3": partial(_point_reward, threshold=0.01),
    **{env_id: partial(_pose_reward, tolerance=tolerance) for env_id, tolerance in TOLERANCES.items()},
}
TASKS = tuple(_REWARDS)
"""Environment ids of the paper's eight tasks, sparse reward. ``FetchPushDense-v4`` and the like exist too."""


def goal_reward(env_id: str) -> RewardFn:
    """The task's ``compute_reward`` in batched torch, on any device, without MuJoCo.

    Equal to gymnasium-robotics called *row by row*; its own batched call is wrong for the Pen. Distances
    are taken in float64 whatever the goals' dtype.

    Args:
        env_id: one of :data:`TASKS`, or its dense variant.

    Returns:
        A function from ``achieved_goal`` and ``desired_goal``, both ``(B, g)``, to the reward ``(B, 1)``,
        float32: 0 where the goal is met and -1 elsewhere; minus a distance for dense tasks.

    Raises:
        UsageError: the id is retired, or is no task of this package (then pass a function of your own).

    >>> import torch
    >>> reward = goal_reward("FetchPush-v4")
    >>> reward(torch.tensor([[1.3, 0.7, 0.4]]).repeat(2, 1), torch.tensor([[1.3, 0.72, 0.4], [1.2, 0.7, 0.4]]))
    tensor([[-0.],
            [-1.]])
    """
    check_env_id(env_id)
    sparse_id = env_id.replace("Dense-", "-")
    if sparse_id not in _REWARDS:
        raise UsageError(f"env_id {env_id!r} has no built-in reward; known are {', '.join(TASKS)}.")
    return partial(_REWARDS[sparse_id], dense=sparse_id != env_id)


def check_env_id(env_id: str) -> None:
    """Refuse retired versions of the Fetch and Hand tasks, naming the id to use.

    >>> check_env_id("FetchPush-v1")
    Traceback (most recent call last):
    sher_rl.errors.UsageError: env_id 'FetchPush-v1' is not maintained; use 'FetchPush-v4'.
    """
    match = re.fullmatch(r"(?P<name>(Fetch|Hand)\w+?)(?P<dense>Dense)?-v\d+", env_id)
    for task in TASKS if match else ():
        name, version = task.split("-")
        current = f"{name}{match['dense'] or ''}-{version}" if match else ""
        if match and match["name"] == name and env_id != current:
            raise UsageError(f"env_id {env_id!r} is not maintained; use {current!r}.")


def make_env(
    env_id: str,
    num_envs: int = 1,
    *,
    seed: int = 0,
    backend: Literal["native", "gym"] = "native",
    num_threads: int | None = None,
    **gym_kwargs: Any,
) -> EnvBase:
    """Batch ``num_envs`` copies of a gymnasium goal environment.

    Environment ``i`` starts as ``gymnasium.make(env_id).reset(seed=seed + i)`` does and goes on like it; so
    it does again after ``env.set_seed(other)``. Both backends give the same values.

    Args:
        env_id: gymnasium id of an environment with a goal dictionary.
        num_envs: copies.
        seed: seed of the first environment.
        backend: ``native`` steps Fetch and Hand tasks in threads; ``gym`` steps any goal environment, one
            copy after the other.
        num_threads: threads of the native backend; the default is one per core this process may use.
        **gym_kwargs: for ``gymnasium.make``, for example ``max_episode_steps`` or ``render_mode``.

    Returns:
        Environment of batch size ``[num_envs]`` with float32 ``observation``, ``achieved_goal``,
        ``desired_goal``, ``action``, ``("next", "reward")``, ``("next", "is_success")`` (both
        ``[num_envs, 1]``, success as 0 or 1), and bool done, terminated, truncated.

    Raises:
        UsageError: the id is retired, unknown, no goal environment or none for this backend.
        ImportError: the installed MuJoCo is too new for gymnasium-robotics.

    >>> env = make_env("FetchReach-v4", num_envs=2)
    >>> env.rollout(3)["next", "reward"].shape
    torch.Size([2, 3, 1])
    """
    if num_envs < 1:
        raise UsageError(f"num_envs is {num_envs}; use at least 1.")
    if backend == "gym":
        env = _make_gym_env(env_id, num_envs, num_threads, **gym_kwargs)
    elif backend == "native":
        env = _make_native_env(env_id, num_envs, num_threads, **gym_kwargs)
    else:
        raise UsageError(f"backend is {backend!r}; use 'native' or 'gym'.")
    env.set_seed(seed)
    return env


def default_backend(env_id: str) -> Literal["native", "gym"]:
    """The faster backend of :func:`make_env` that has the task.

    >>> default_backend("FetchPushDense-v4"), default_backend("PointMaze_UMaze-v3")
    ('native', 'gym')
    """
    return "native" if env_id.replace("Dense-", "-") in TASKS else "gym"


def _make_native_env(env_id: str, num_envs: int, num_threads: int | None, **gym_kwargs: Any) -> EnvBase:
    check_env_id(env_id)
    if default_backend(env_id) != "native":
        make_gym(env_id).close()  # an id that no backend can make has an error of its own
        raise UsageError(f"env_id {env_id!r} is no Fetch or Hand task; use backend='gym' for it.")
    _import_gymnasium()
    from sher_rl.envs.native import NativeEnv  # noqa: PLC0415

    return NativeEnv(env_id, num_envs, num_threads=num_threads, **gym_kwargs)


def _make_gym_env(env_id: str, num_envs: int, num_threads: int | None, **gym_kwargs: Any) -> EnvBase:
    if num_threads is not None:
        raise UsageError(f"num_threads is {num_threads}; backend='gym' steps its copies in turn, leave it out.")
    from sher_rl.envs.gymnasium import GymEnvs  # noqa: PLC0415

    return GymEnvs(env_id, num_envs, **gym_kwargs)


def make_gym(env_id: str, **gym_kwargs: Any) -> gymnasium.Env:
    """``gymnasium.make`` for goal environments, with errors that say what would work."""
    check_env_id(env_id)
    gymnasium = _import_gymnasium()
    try:
        env = gymnasium.make(env_id, **gym_kwargs)
    except gymnasium.error.Error as error:
        raise UsageError(f"env_id {env_id!r} is unknown to gymnasium; tasks are {', '.join(TASKS)}.") from error
    spaces = getattr(env.observation_space, "spaces", {})
    missing = {"observation", "achieved_goal", "desired_goal"} - set(spaces)
    if missing:
        env.close()
        raise UsageError(
            f"env_id {env_id!r} is no goal environment: its observation lacks {', '.join(sorted(missing))}."
        )
    return env


def _import_gymnasium() -> ModuleType:
    import mujoco  # noqa: PLC0415

    if tuple(map(int, mujoco.__version__.split(".")[:2])) >= (3, 12):
        raise ImportError(
            f"mujoco {mujoco.__version__} is installed, and gymnasium-robotics cannot build its Fetch and Hand "
            "environments from 3.12 on; run pip install 'mujoco>=3.3,<3.12'."
        )
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # a notice about Adroit, each time
        import gymnasium  # noqa: PLC0415
        import gymnasium_robotics  # noqa: PLC0415, F401
    return gymnasium
