"""Exploration in which a sub-task leads to where the task begins."""

from __future__ import annotations

import torch
from tensordict import TensorDictBase
from tensordict.nn import TensorDictModule, TensorDictModuleBase
from torch import Tensor
from torch.nn import functional as F
from torchrl.envs.utils import ExplorationType, exploration_type

from sher_rl.errors import UsageError, check_numbers
from sher_rl.functional.sub_task import SubTask
from sher_rl.modules.norms import RelayNorm


class Guided(TensorDictModuleBase):
    """Let a guide act, now and then, while a sub-task is not met: exploration that begins where the task does.

    The last step of an explorer. Writes ``action``, and leaves it as it is where exploration is not random.

    Args:
        sub_task: what is to be met.
        guide: from what it reads to ``action``; sees the same tensordict.
        probability: that it acts, at each step and in each environment where the sub-task is not met.

    Raises:
        UsageError: ``probability`` is out of range.

    Self-guided exploration of Relay HER, arXiv:2208.00843, with a probability of 0.5.

    >>> from tensordict import TensorDict
    >>> from torchrl.envs.utils import set_exploration_type
    >>> toward = TensorDictModule(lambda observation: -observation, ["observation"], ["action"])
    >>> guided = Guided(SubTask(slice(0, 1), slice(0, 1), 0.1), toward, probability=1.0)
    >>> far = TensorDict(observation=torch.ones(1, 1), achieved_goal=torch.zeros(1, 1), action=torch.zeros(1, 1))
    >>> with set_exploration_type(ExplorationType.RANDOM):
    ...     guided(far)["action"]
    tensor([[-1.]])
    """

    def __init__(self, sub_task: SubTask, guide: TensorDictModuleBase, *, probability: float) -> None:
        super().__init__()
        check_numbers(probability=probability)
        if not 0 <= probability <= 1:
            raise UsageError(f"probability is {probability}; use a number from 0 to 1.")
        self.in_keys = ["observation", "achieved_goal", "action"]
        self.out_keys = ["action"]
        self.sub_task = sub_task
        self.guide = guide
        self.probability = probability

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Replace actions in place."""
        if exploration_type() is not ExplorationType.RANDOM:
            return tensordict
        action = tensordict.get("action")
        unmet = ~self.sub_task.met(tensordict.get("observation"), tensordict.get("achieved_goal"))
        guided = self.guide(tensordict.copy()).get("action")
        use = unmet & (torch.rand(unmet.shape, device=action.device) < self.probability)
        return tensordict.set("action", torch.where(use, guided, action))


def make_guide(policy: TensorDictModule, sub_task: SubTask) -> TensorDictModule:
    """The same policy at the sub-task: it sees where the object is for a goal, and no goal of the task.

    Args:
        policy: of :func:`~sher_rl.make_policy` with a :class:`RelayNorm`.
        sub_task: whose goal it gets.

    Returns:
        Module from ``observation`` and ``achieved_goal`` to ``action``, a sample where exploration is random.

    Raises:
        UsageError: the policy's goals are of one task.
    """
    norm = policy.module.goal_norm
    if not isinstance(norm, RelayNorm):
        raise UsageError(f"policy has a {type(norm).__name__} for its goals; make it with RelayNorm.")

    def act(observation: Tensor, achieved_goal: Tensor) -> Tensor:
        target = sub_task.desired(achieved_goal)
        absent = len(norm.mean) - target.shape[-1]
        return policy.module(observation, F.pad(target, (absent, 0), value=torch.nan))

    return TensorDictModule(act, ["observation", "achieved_goal"], ["action"])
