"""The eight Fetch and Hand tasks, and any other goal environment, as batched TorchRL environments."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from torchrl.envs import EnvBase

from sher_rl.errors import UsageError
from sher_rl.functional.rewards import RewardFn, dense_point_reward, dense_pose_reward, point_reward, pose_reward
from sher_rl.tasks import TASKS, PointGoal, PoseGoal, check_env_id, find_task

if TYPE_CHECKING:
    import gymnasium


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
    task = find_task(env_id)
    if task is None:
        raise UsageError(f"env_id {env_id!r} has no built-in reward; known are {', '.join(TASKS)}.")
    return _sparse_reward(task.goal) if env_id == task.env_id else _dense_reward(task.goal)


def _sparse_reward(goal: PointGoal | PoseGoal) -> RewardFn:
    if isinstance(goal, PointGoal):
        return partial(point_reward, distance=goal.distance)
    return partial(pose_reward, distance=goal.distance, angle=goal.angle, free_spin=goal.free_spin)


def _dense_reward(goal: PointGoal | PoseGoal) -> RewardFn:
    if isinstance(goal, PointGoal):
        return dense_point_reward
    return partial(dense_pose_reward, free_spin=goal.free_spin)


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
    return "gym" if find_task(env_id) is None else "native"


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
