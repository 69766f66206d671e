"""Which values a run's configuration may have."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch

from sher_rl.errors import UsageError, is_number
from sher_rl.tasks import PoseGoal, find_task
from sher_rl.untrusted import bare_id, check_id, is_folder_name

ABOVE_ZERO = (
    "total_frames",
    "num_envs",
    "frames_per_batch",
    "updates_per_batch",
    "buffer_size",
    "batch_size",
    "actor_lr",
    "critic_lr",
    "eval_frames",
    "eval_episodes",
    "checkpoint_minutes",
    "actors",
    "waypoint_angle",
)
AT_LEAST_ZERO = ("random_frames", "train_eval_episodes", "seed", "goal_noise", "min_motion")
SHARES = ("random_action", "polyak", "next_share", "policy_ema", "waypoint_share")
AT_MOST = {"seed": 2**31 - 1, "num_threads": 2**10, "num_envs": 2**20}
"""What torch, numpy and an operating system take."""
WIDEST = 2**16


def check_config(config: Any) -> None:
    """Refuse a value of another type than its field, out of range, or at odds with another.

    Args:
        config: a :class:`~sher_rl.training.config.RunConfig`.

    Raises:
        UsageError: naming the first.
    """
    check_types(config)
    check_ranges(config)
    check_sizes(config)
    check_names(config)
    check_poses(config)
    check_actors(config)
    check_threads(config.num_threads)
    check_device(config.device)


def check_types(config: Any) -> None:
    """Refuse a value that is not of its field's type."""
    hints = get_type_hints(type(config))
    for field in dataclasses.fields(config):
        hint = hints[field.name]
        value = getattr(config, field.name)
        if not fits(value, hint):
            expected = hint if get_origin(hint) else hint.__name__
            raise UsageError(f"{field.name} is {value!r:.80}; it has to be of type {expected}.")


def check_ranges(config: Any) -> None:
    """Refuse a number out of its range."""
    for name in ABOVE_ZERO:
        number = getattr(config, name, 1)  # HER's runs have no waypoint_angle
        if not number > 0:
            raise UsageError(f"{name} is {number}; use a number above 0.")
    for name in AT_LEAST_ZERO:
        number = getattr(config, name, None) or 0  # HER's runs have no goal_noise, min_motion and next_share
        if not number >= 0:
            raise UsageError(f"{name} is {number}; use a number of at least 0.")
    for name, most in AT_MOST.items():
        if (getattr(config, name) or 0) > most:
            raise UsageError(f"{name} is {getattr(config, name)}; use a number of at most {most}.")
    for name in SHARES:
        share = getattr(config, name, 0.0)
        if not 0 <= share <= 1:
            raise UsageError(f"{name} is {share}; use a number from 0 to 1.")
    if config.policy_ema == 1:
        raise UsageError("policy_ema is 1, an average that never moves; use a number below 1.")


def check_sizes(config: Any) -> None:
    """Refuse sizes that do not fit each other."""
    if not config.hidden or not all(1 <= width <= WIDEST for width in config.hidden):
        raise UsageError(f"hidden is {config.hidden}; use one width or more, each from 1 to {WIDEST}.")
    if config.batch_size > config.buffer_size:
        raise UsageError(f"batch_size {config.batch_size} exceeds buffer_size {config.buffer_size}.")
    if config.frames_per_batch + config.num_envs > config.buffer_size:
        batch = f"frames_per_batch {config.frames_per_batch} and num_envs {config.num_envs}"
        raise UsageError(f"{batch} do not fit buffer_size {config.buffer_size}; make it at least their sum.")


def check_names(config: Any) -> None:
    """Refuse an id, or parts of the run folder's name, that are none."""
    check_id(bare_id(config.env_id))
    for name in ("method", "run_name"):
        value = getattr(config, name)
        if value is not None and not is_folder_name(value):
            raise UsageError(f"{name} is {value!r:.80}; use a folder's name, out_dir says where.")


def check_poses(config: Any) -> None:
    """Refuse what is for goals that are poses in another task."""
    task = find_task(bare_id(config.env_id))
    for name in ("symmetric", "waypoint_share"):
        value = getattr(config, name)
        if value and not (task and isinstance(task.goal, PoseGoal)):
            raise UsageError(f"{name} is {value}, and the goals of {config.env_id} are no poses; leave it out.")
    if config.waypoint_share and not getattr(config, "pose_difference", True):
        raise UsageError(f"waypoint_share is {config.waypoint_share}, and pose_difference is off; turn it on.")


def check_actors(config: Any) -> None:
    """Refuse environments that actors cannot share evenly."""
    if config.num_envs % config.actors:
        many = f"{config.actors} actors"
        raise UsageError(f"num_envs {config.num_envs} cannot be shared by {many}; use a multiple of {config.actors}.")


def check_threads(num_threads: int | None) -> None:
    """Refuse a number of threads below 1."""
    if num_threads is not None and num_threads < 1:
        raise UsageError(f"num_threads is {num_threads}; use at least 1, or None for one per core.")


def check_device(device: str) -> None:
    """Refuse a device that torch cannot use here."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {device!r} cannot be used ({str(error).splitlines()[0]}).") from error


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a field's type.

    >>> fits((256, 256), tuple[int, ...]), fits(True, int), fits(1, float | None)
    (True, False, True)
    """
    origin = get_origin(hint)
    if origin is tuple:
        return isinstance(value, tuple) and all(fits(item, get_args(hint)[0]) for item in value)
    if origin is Literal:
        return any(value is option or value == option for option in get_args(hint))
    if origin:
        return any(fits(value, option) for option in get_args(hint))
    if hint in (int, float):
        return is_number(value) and isinstance(value, (int, hint))
    return isinstance(value, hint)
