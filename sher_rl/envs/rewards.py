"""The rewards of the eight tasks as batched functions, without an environment."""

from __future__ import annotations

from functools import partial

from sher_rl.errors import UsageError
from sher_rl.functional.rewards import RewardFn, dense_point_reward, dense_pose_reward, point_reward, pose_reward
from sher_rl.tasks import TASKS, PointGoal, PoseGoal, check_env_id, find_task


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
