"""The transform that normalises the observations and goals of a batch."""

from __future__ import annotations

from tensordict import TensorDict, TensorDictBase
from torch import Tensor
from torchrl.envs import Transform

from sher_rl.errors import UsageError
from sher_rl.modules.networks import GoalDims
from sher_rl.modules.norms import AnyGoalNorm, GoalNorm, ObservationNorm


class GoalNormalizer(Transform):
    """Normalise observations and desired goals by running statistics, which the policy shares.

    As a buffer's transform, behind :class:`~sher_rl.HindsightRelabel`, it replaces ``observation``
    ``(*batch, observation)`` and ``desired_goal`` ``(*batch, goal)`` of a batch, float32, and theirs under ``next``,
    by normalised values in [-5, 5]. What is written to the buffer counts: observations, and goals, desired and achieved
    ones, since hindsight makes desired ones of them. Its two norms, ``observation`` and ``goal``, are what
    :func:`~sher_rl.make_policy` takes (openai/baselines, her/normalizer.py).

    Args:
        dims: sizes of observation and goal.
        goal: norm of the goals, instead of one that takes them as they are; :class:`~sher_rl.PoseNorm` for poses.
        observation: norm of the observations, likewise; :class:`~sher_rl.SymmetricObjectNorm` for symmetric objects.
        update_on_write: let what is written count; without, only :meth:`update` does. :func:`~sher_rl.train` turns it
            off and gives :meth:`update` the relabelled rows, as HER's baselines do.

    Attributes:
        dims: sizes of what the networks see, which the observation's norm may change.

    Raises:
        UsageError: ``goal`` is for goals of another length; on write or read, a key is missing; or it is used as an
            environment's transform.

    >>> normalizer = GoalNormalizer(GoalDims(observation=10, goal=3, action=4))
    >>> normalizer.goal.std.shape
    torch.Size([3])
    """

    def __init__(
        self,
        dims: GoalDims,
        goal: AnyGoalNorm | None = None,
        observation: ObservationNorm | None = None,
        *,
        update_on_write: bool = True,
    ) -> None:
        keys = ["observation", "desired_goal", ("next", "observation"), ("next", "desired_goal")]
        super().__init__(in_keys=keys, out_keys=keys)
        self.update_on_write = update_on_write
        self.observation = ObservationNorm(dims.observation) if observation is None else observation
        self.goal = GoalNorm(dims.goal) if goal is None else goal
        if len(self.goal.mean) != dims.goal:
            raise UsageError(f"goal is a norm of {len(self.goal.mean)} numbers, dims has {dims.goal}; leave it out.")
        self.dims = dims._replace(observation=len(self.observation.mean))

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Normalise a batch, and leave the one given as it is: ``buffer[:]`` of a full buffer is its storage."""
        batch = tensordict.copy()
        for part in (batch, batch.get("next", TensorDict())):
            observation = _column(part, "observation")
            part.set("desired_goal", self.goal(observation, _column(part, "desired_goal")))
            part.set("observation", self.observation(observation))
        return batch

    def _reset(self, tensordict: TensorDictBase, tensordict_reset: TensorDictBase) -> TensorDictBase:
        raise UsageError("GoalNormalizer belongs in a replay buffer, not in an environment; use make_policy there.")

    def _inv_call(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Let what is written count, with the achieved goals, which hindsight will put for desired ones."""
        if self.update_on_write:
            self.update(tensordict)
            achieved_goal = tensordict.get(("next", "achieved_goal"), None)
            if achieved_goal is not None:
                self.goal.update(tensordict.get("observation"), achieved_goal)
        return tensordict

    def update(self, tensordict: TensorDictBase) -> None:
        """Add the raw observations and desired goals of ``tensordict`` to the statistics."""
        observation = _column(tensordict, "observation")
        self.observation.update(observation)
        self.goal.update(observation, _column(tensordict, "desired_goal"))


def _column(tensordict: TensorDictBase, key: str) -> Tensor:
    value = tensordict.get(key, None)
    if value is None:
        raise UsageError(f"The rows lack {key!r}, which GoalNormalizer normalises; write it, too.")
    return value
