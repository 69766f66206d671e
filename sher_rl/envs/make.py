"""The eight Fetch and Hand tasks, and any other goal environment, as batched TorchRL environments."""

from __future__ import annotations

from typing import Any, Literal

from torchrl.envs import EnvBase

from sher_rl.envs.make_gym import import_gymnasium, make_gym
from sher_rl.errors import UsageError
from sher_rl.tasks import check_env_id, find_task

Backend = Literal["native", "gym"]


def make_env(
    env_id: str,
    num_envs: int = 1,
    *,
    seed: int = 0,
    backend: Backend = "native",
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


def default_backend(env_id: str) -> Backend:
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
    import_gymnasium()
    from sher_rl.envs.native import NativeEnv  # noqa: PLC0415

    return NativeEnv(env_id, num_envs, num_threads=num_threads, **gym_kwargs)


def _make_gym_env(env_id: str, num_envs: int, num_threads: int | None, **gym_kwargs: Any) -> EnvBase:
    if num_threads is not None:
        raise UsageError(f"num_threads is {num_threads}; backend='gym' steps its copies in turn, leave it out.")
    from sher_rl.envs.gymnasium import GymEnvs  # noqa: PLC0415

    return GymEnvs(env_id, num_envs, **gym_kwargs)
