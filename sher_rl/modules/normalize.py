"""Normalisation as a transform of a TorchRL replay buffer."""

from __future__ import annotations

from tensordict import TensorDictBase
from torchrl.envs import Transform

from sher_rl.errors import UsageError
from sher_rl.modules.networks import GoalDims, RunningNorm


class GoalNormalizer(Transform):
    """Normalise observations and desired goals by running statistics, which the policy shares.

    As a buffer's transform, behind :class:`~sher_rl.HindsightRelabel`, it replaces ``observation``
    ``(*batch, observation)`` and ``desired_goal`` ``(*batch, goal)`` of a batch, float32, and theirs under ``next``,
    by normalised values in [-5, 5]: see :class:`~sher_rl.modules.networks.RunningNorm`. Its two norms,
    ``observation`` and ``goal``, are what :func:`~sher_rl.make_policy` takes (openai/baselines, her/normalizer.py).

    Args:
        dims: sizes of observation and goal.
        goal: norm of the goals, instead of one that takes them as they are; :class:`~sher_rl.PoseNorm` for poses.

    Raises:
        UsageError: ``goal`` is for goals of another length.

    >>> normalizer = GoalNormalizer(GoalDims(observation=10, goal=3, action=4))
    >>> normalizer.goal.std.shape
    torch.Size([3])
    """

    def __init__(self, dims: GoalDims, goal: RunningNorm | None = None) -> None:
        keys = ["observation", "desired_goal", ("next", "observation"), ("next", "desired_goal")]
        super().__init__(in_keys=keys, out_keys=keys)
        self.observation = RunningNorm(dims.observation)
        self.goal = RunningNorm(dims.goal) if goal is None else goal
        if len(self.goal.mean) != dims.goal:
            raise UsageError(f"goal is a norm of {len(self.goal.mean)} numbers, dims has {dims.goal}; leave it out.")

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Normalise a batch in place."""
        for part in (tensordict, tensordict.get("next")):
            observation, goal = part.get("observation"), part.get("desired_goal")
            part.set("desired_goal", self.goal(self.goal.features(observation, goal)))
            part.set("observation", self.observation(observation))
        return tensordict

    def update(self, tensordict: TensorDictBase) -> None:
        """Add the raw observations and desired goals of ``tensordict`` to the statistics."""
        observation, goal = tensordict.get("observation"), tensordict.get("desired_goal")
        self.observation.update(observation)
        self.goal.update(self.goal.features(observation, goal))
