"""Proposed goals as a transform of an environment."""

from __future__ import annotations

from typing import Protocol

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torchrl.data import Composite, Unbounded

from sher_rl.envs.env_transform import EnvTransform
from sher_rl.errors import UsageError, check_numbers
from sher_rl.functional.rewards import RewardFn


class GoalProposal(Protocol):
    """Where goals come from. One that is a :class:`~torch.nn.Module` is saved and restored with its transform."""

    def propose(self, own: Tensor) -> Tensor:
        """Goals for episodes about to begin, ``(N, g)``, in place of those that the environments drew, ``own``."""

    def learn(self, goal: Tensor, success: Tensor) -> None:
        """See the goals ``(N, g)`` of episodes that ended, and whether their last step met them, bool ``(N,)``."""


class ProposeGoals(EnvTransform):
    """Let a proposal choose the goals of an environment's episodes.

    At a reset ``desired_goal`` becomes what the proposal says. It stays so to the end of the episode, and the reward,
    ``is_success`` and, with ``terminated_fn``, ``terminated`` and ``done`` follow it, in one batched call each for a
    step. The proposal is told of each episode that ends. The transform keeps no goals: they travel with the steps.

    Give it an environment that does not end an episode at the goal that it drew itself, or ``terminated_fn``.

    Args:
        proposal: such as :class:`~sher_rl.UniformGoals`, :class:`~sher_rl.RareGoals` or :class:`~sher_rl.GoalGAN`.
        reward_fn: from achieved and desired goals ``(N, g)`` to rewards ``(N, 1)``; see
            :func:`~sher_rl.goal_reward`. It may be another than the environment's.
        met_reward: reward from which on a goal is met, 0 for rewards of -1 and 0.
        terminated_fn: like ``reward_fn``, to bool ``(N, 1)``, for tasks that end at success.

    Raises:
        UsageError: ``met_reward`` is no number; on reset or step, the data lack a goal, or the proposal gives goals of
            another shape.

    >>> from torchrl.envs import TransformedEnv
    >>> from sher_rl import UniformGoals, goal_reward, make_env
    >>> near = UniformGoals(low=[1.3, 0.7, 0.5], high=[1.4, 0.8, 0.6])
    >>> env = TransformedEnv(make_env("FetchReach-v4", 2), ProposeGoals(near, goal_reward("FetchReach-v4")))
    >>> goal = env.rollout(3)["next", "desired_goal"]
    >>> bool(((goal >= near.low) & (goal <= near.high)).all())
    True
    """

    def __init__(
        self,
        proposal: GoalProposal,
        reward_fn: RewardFn,
        *,
        met_reward: float = 0.0,
        terminated_fn: RewardFn | None = None,
    ) -> None:
        super().__init__()
        check_numbers(met_reward=met_reward)
        self.proposal = proposal
        self.reward_fn = reward_fn
        self.met_reward = met_reward
        self.terminated_fn = terminated_fn

    def transform_observation_spec(self, observation_spec: Composite) -> Composite:
        """Add ``is_success`` where the environment has none."""
        if "is_success" not in set(observation_spec.keys()):
            shape = (*observation_spec.shape, 1)
            observation_spec.set("is_success", Unbounded(shape, dtype=torch.float32, device=observation_spec.device))
        return observation_spec

    def _reset(self, tensordict: TensorDictBase, tensordict_reset: TensorDictBase) -> TensorDictBase:
        own = _goal(tensordict_reset, "desired_goal")
        mask = tensordict.get("_reset", None)
        begins = torch.ones(own.shape[:-1], dtype=torch.bool) if mask is None else mask.reshape(own.shape[:-1])
        goal = own.clone()
        goal[begins] = self._proposed(own[begins])
        tensordict_reset.set("is_success", own.new_zeros((*own.shape[:-1], 1), dtype=torch.float32))
        return tensordict_reset.set("desired_goal", goal)

    def _proposed(self, own: Tensor) -> Tensor:
        goal = self.proposal.propose(own)
        if goal.shape != own.shape:
            raise UsageError(f"proposal gave goals of shape {tuple(goal.shape)}; it has to be {tuple(own.shape)}.")
        return goal

    def _step(self, tensordict: TensorDictBase, next_tensordict: TensorDictBase) -> TensorDictBase:
        desired = _goal(tensordict, "desired_goal")
        achieved = _goal(next_tensordict, "achieved_goal")
        next_tensordict.set("desired_goal", desired)
        self._judge(next_tensordict, achieved.flatten(0, -2), desired.flatten(0, -2))
        done = next_tensordict.get("done")
        stepped = tensordict.get("_step", None)  # absent where all environments step
        ended = done if stepped is None else done & stepped.reshape(done.shape)
        if ended.any():
            ended = ended.squeeze(-1)
            self.proposal.learn(desired[ended], next_tensordict.get("is_success")[ended].squeeze(-1).bool())
        return next_tensordict

    def _judge(self, step: TensorDictBase, achieved: Tensor, desired: Tensor) -> None:
        """Write reward, success and end of a step by goals ``(N, g)``."""
        shape = (*step.batch_size, 1)
        reward = self.reward_fn(achieved, desired).reshape(shape)
        step.set("reward", reward)
        step.set("is_success", (reward >= self.met_reward).float())
        if self.terminated_fn is not None:
            terminated = self.terminated_fn(achieved, desired).reshape(shape)
            step.set("terminated", terminated)
            step.set("done", terminated | step.get("truncated"))


def _goal(step: TensorDictBase, key: str) -> Tensor:
    goal = step.get(key, None)
    if goal is None:
        raise UsageError(f"The steps lack {key!r}, which ProposeGoals needs; use it with a goal environment.")
    return goal
