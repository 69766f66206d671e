"""Exploration on the way to a rotation that is far away."""

from __future__ import annotations

from collections.abc import Callable

import torch
from tensordict.nn import TensorDictModule
from torch import Tensor, nn

from sher_rl.errors import UsageError, check_numbers
from sher_rl.modules.networks import STATE
from sher_rl.modules.norms import PoseNorm


def toward_waypoints(policy: TensorDictModule, *, angle: float, share: float) -> TensorDictModule:
    """The same policy, which in some environments gets a nearby rotation on the way to its goal, and not the goal.

    Early in training a policy turns an object well by what it has reached by chance, and not at all by more. With
    waypoints it goes on turning toward a goal that is far away, and hindsight learns from these episodes.

    Args:
        policy: of :func:`~sher_rl.make_policy` with a :class:`~sher_rl.PoseNorm` or
            :class:`~sher_rl.FreeSpinPoseNorm`.
        angle: radians; a goal that is further away is replaced by the waypoint that is as far away
            (:func:`~sher_rl.functional.poses.pose_waypoint`, or
            :func:`~sher_rl.functional.poses.free_spin_waypoint`), anew at each step.
        share: of the environments, the first ones of a batch; the others explore with their goals as they are.

    Returns:
        Module from raw ``observation`` and ``desired_goal`` to ``action``, which shares the policy's weights; for
        :func:`~sher_rl.make_explorer`. It writes no goals, so what is stored has those of the environment.

    Raises:
        UsageError: ``angle`` is not positive, ``share`` not in [0, 1], or the policy's goals are no poses.

    >>> from sher_rl import GoalDims, PoseNorm, make_networks, make_policy
    >>> from sher_rl.modules.norms import ObservationNorm
    >>> policy = make_policy(ObservationNorm(61), PoseNorm(), make_networks(GoalDims(61, 7, 20))[0])
    >>> explorer = toward_waypoints(policy, angle=0.8, share=0.5)
    >>> explorer(observation=torch.zeros(4, 61), desired_goal=torch.ones(4, 7)).shape
    torch.Size([4, 20])
    """
    check_numbers(angle=angle, share=share)
    if angle <= 0:
        raise UsageError(f"angle is {angle}; use a number of radians above 0.")
    if not 0 <= share <= 1:
        raise UsageError(f"share is {share}; use a number from 0 to 1.")
    norm = policy.module.goal_norm
    if not isinstance(norm, PoseNorm):
        raise UsageError(f"policy has a {type(norm).__name__} for its goals; make it with PoseNorm.")
    return TensorDictModule(_Waypoints(policy.module, norm.waypoint, angle, share), STATE, ["action"])


class _Waypoints(nn.Module):
    """A policy's net, with other goals for the first environments."""

    def __init__(self, net: nn.Module, waypoint: Callable[..., Tensor], angle: float, share: float) -> None:
        super().__init__()
        self.net = net
        self.waypoint = waypoint
        self.angle = angle
        self.share = share

    def forward(self, observation: Tensor, desired_goal: Tensor) -> Tensor:
        if observation.ndim == 1:
            raise UsageError(
                "observation has no batch, of which a share could see waypoints; use a batched environment."
            )
        count = round(self.share * len(observation))
        near = self.waypoint(observation[:count, ..., -7:], desired_goal[:count], self.angle)
        return self.net(observation, torch.cat((near, desired_goal[count:])))
