"""Hindsight relabelling and normalisation as transforms of a TorchRL replay buffer."""

from __future__ import annotations

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torchrl.data.replay_buffers import Storage
from torchrl.envs import Transform

from sher_rl.envs import RewardFn
from sher_rl.errors import UsageError
from sher_rl.functional import future_offset
from sher_rl.modules import GoalDims, RunningNorm

REMAINING = ("hindsight", "remaining")
RELABELLED = ("hindsight", "relabelled")
_ACHIEVED = ("next", "achieved_goal")


class HindsightRelabel(Transform):
    """Replace the goals of sampled transitions by goals their own episode achieves later (HER, ``future``).

    On write each transition is annotated with the steps its episode still has; on read a new goal costs
    one addition and one gather, whatever the buffer holds, and a ring that overwrites its oldest rows can
    never break it. Put it first in a :class:`~torchrl.envs.Compose`, so that what follows sees the new goal.

    On write it takes episodes that are complete, in any number, of any length, flat or ``[env, time]``.
    The last row of each environment's fragment counts as an episode's end. On read it sets
    ``desired_goal``, ``("next", "desired_goal")``, ``("next", "reward")`` of every row, and
    ``("hindsight", "relabelled")``, a mask ``(B,)`` of the rows whose goal changed.

    Args:
        reward_fn: from achieved and desired goals ``(B, g)`` to rewards ``(B, 1)``; see
            :func:`~sher_rl.goal_reward`.
        storage: the buffer's storage, one-dimensional, filled round-robin.
        k: relabelled goals for each original one; a row is relabelled with probability ``k / (k + 1)``.
        generator: source of the draws; the default is torch's own.

    Raises:
        UsageError: ``k`` is negative; on write, the data lack a key or exceed the storage.

    Hindsight Experience Replay, arXiv:1707.01495, section 4.5; lines 12-15 of Algorithm 1, arXiv:2002.02089.

    >>> from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
    >>> from sher_rl import goal_reward, make_env
    >>> storage = LazyTensorStorage(1000)
    >>> relabel = HindsightRelabel(goal_reward("FetchReach-v4"), storage, k=4)
    >>> buffer = TensorDictReplayBuffer(storage=storage, transform=relabel, batch_size=256)
    >>> _ = buffer.extend(make_env("FetchReach-v4", num_envs=2).rollout(50))
    >>> buffer.sample()["next", "reward"].shape
    torch.Size([256, 1])
    """

    def __init__(
        self, reward_fn: RewardFn, storage: Storage, *, k: float = 4, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        if k < 0:
            raise UsageError(f"k is {k}; use 0 for no relabelling, or more.")
        self.reward_fn, self.ratio, self.generator = reward_fn, k / (k + 1), generator
        self.__dict__["storage"] = storage

    def _inv_call(self, tensordict: TensorDictBase) -> TensorDictBase:
        missing = {"desired_goal", _ACHIEVED, ("next", "done")} - set(tensordict.keys(True, True))
        if missing:
            raise UsageError(f"The data written lack {sorted(missing, key=str)}, which relabelling needs.")
        if tensordict.numel() > self.storage.max_size:
            raise UsageError(
                f"One write of {tensordict.numel()} transitions exceeds the storage of {self.storage.max_size}."
            )
        end = tensordict.get(("next", "done")).reshape(tensordict.shape).clone()
        end[..., -1:] = True
        return tensordict.reshape(-1).set(REMAINING, steps_to_end(end.reshape(-1)))

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Relabel a batch that the buffer read; needs its ``index`` and the annotation of the write."""
        remaining = tensordict.get(REMAINING)
        draws = torch.rand(2, *remaining.shape, device=remaining.device, generator=self.generator)
        slot = tensordict.get("index").reshape(remaining.shape) + future_offset(remaining, draws[0])
        achieved = self.storage.get(_ACHIEVED)[slot % self.storage.max_size]
        mask = draws[1] < self.ratio
        goal = torch.where(mask.unsqueeze(-1), achieved, tensordict.get("desired_goal"))
        reward = self.reward_fn(tensordict.get(_ACHIEVED), goal)
        tensordict.update({"desired_goal": goal, "next": {"desired_goal": goal, "reward": reward}})
        return tensordict.set(RELABELLED, mask)


class GoalNormalizer(Transform):
    """Normalise observations and desired goals by running statistics, which the policy shares.

    As a buffer's transform, behind :class:`HindsightRelabel`, it replaces ``observation`` and
    ``desired_goal`` of a batch, and theirs under ``next``, by normalised values.

    Args:
        dims: sizes of observation and goal.

    >>> normalizer = GoalNormalizer(GoalDims(observation=10, goal=3, action=4))
    >>> normalizer.goal.std.shape
    torch.Size([3])
    """

    def __init__(self, dims: GoalDims) -> None:
        keys = ["observation", "desired_goal", ("next", "observation"), ("next", "desired_goal")]
        super().__init__(in_keys=keys, out_keys=keys)
        self.observation, self.goal = RunningNorm(dims.observation), RunningNorm(dims.goal)

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Normalise a batch in place."""
        for part in (tensordict, tensordict.get("next")):
            part.set("observation", self.observation(part.get("observation")))
            part.set("desired_goal", self.goal(part.get("desired_goal")))
        return tensordict

    def update(self, tensordict: TensorDictBase) -> None:
        """Add the raw observations and desired goals of ``tensordict`` to the statistics."""
        self.observation.update(tensordict.get("observation"))
        self.goal.update(tensordict.get("desired_goal"))


def steps_to_end(end: Tensor) -> Tensor:
    """Distance of each row to the next ``True``, itself included; the last element has to be ``True``.

    >>> steps_to_end(torch.tensor([False, False, True, True, False, True]))
    tensor([2, 1, 0, 0, 1, 0])
    """
    rows = torch.arange(len(end), device=end.device)
    marked = torch.where(end, rows, len(end))
    return marked.flip(0).cummin(0).values.flip(0) - rows
