"""Rewards of a batch that a discriminator gives: the better, the more a transition looks like the expert's."""

from __future__ import annotations

import torch
from tensordict import TensorDictBase
from tensordict.nn import TensorDictModuleBase
from torch import Tensor

from sher_rl.errors import UsageError, check_numbers
from sher_rl.functional.imitation import adversarial_reward
from sher_rl.replay.buffer_transform import BufferTransform

_WRITTEN = (("next", "reward"), ("next", "terminated"), ("next", "done"))


class ImitationReward(BufferTransform):
    r"""Add a discriminator's reward to that of the task, and let each transition that meets its goal be the last.

    .. math:: r \leftarrow w_g\, r + w_d \log (D(s, g, s') + 10^{-8}),\quad d \leftarrow d \lor (r \ge r_{met})

    Comes behind :class:`~sher_rl.HindsightRelabel`, and behind what mixes in demonstrations, in front of
    :class:`~sher_rl.GoalNormalizer`: the discriminator reads raw transitions, with their new goals. Each reward is at
    most 0, so the end is the best that can happen. With a discriminator alone, that is how success counts:
    ``goal_weight=0``, as published. ``gail_weight=0`` leaves HER with ends.

    Args:
        discriminator: writes ``expert_logit``, ``(B, 1)``; :class:`~sher_rl.GoalDiscriminator`.
        goal_weight: :math:`w_g`, of the task's reward.
        gail_weight: :math:`w_d` at the start, of the discriminator's.
        decay: factor of :math:`w_d` at each :meth:`anneal`.
        met_reward: :math:`r_{met}`, the task's reward from which on a goal is met, 0 for rewards of -1 and 0.

    Raises:
        UsageError: a number is out of range; on read, the rows lack what it reads.

    Ding et al., NeurIPS 2019, arXiv:1906.05838, section 4.2, and the published code (``terminate_bootstrapping``).

    >>> from tensordict import TensorDict
    >>> from sher_rl import GoalDims, GoalDiscriminator, GoalNormalizer
    >>> dims = GoalDims(observation=2, goal=2, action=2)
    >>> norm = GoalNormalizer(dims)
    >>> reward = ImitationReward(GoalDiscriminator(dims, norm.observation, norm.goal), goal_weight=1.0, gail_weight=0.0)
    >>> ends = {key: torch.zeros(2, 1, dtype=torch.bool) for key in ("done", "terminated")}
    >>> following = {"observation": torch.randn(2, 2), "reward": torch.tensor([[-1.0], [0.0]]), **ends}
    >>> batch = {"observation": torch.randn(2, 2), "desired_goal": torch.randn(2, 2), "next": following}
    >>> reward(TensorDict(batch, [2]))["next", "terminated"].flatten()
    tensor([False,  True])
    """

    gail_weight: Tensor

    def __init__(
        self,
        discriminator: TensorDictModuleBase,
        *,
        goal_weight: float = 0.0,
        gail_weight: float = 0.1,
        decay: float = 1.0,
        met_reward: float = 0.0,
    ) -> None:
        super().__init__()
        check_numbers(goal_weight=goal_weight, gail_weight=gail_weight, decay=decay, met_reward=met_reward)
        if min(goal_weight, gail_weight) < 0:
            raise UsageError(f"goal_weight is {goal_weight} and gail_weight {gail_weight}; use numbers of at least 0.")
        if not 0 <= decay <= 1:
            raise UsageError(f"decay is {decay}; use a number from 0 to 1.")
        self.discriminator = discriminator
        self.goal_weight = goal_weight
        self.register_buffer("gail_weight", torch.tensor(gail_weight, dtype=torch.float64))
        self.decay = decay
        self.met_reward = met_reward

    @torch.no_grad()
    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Change a batch, and leave the one given as it is: ``buffer[:]`` of a full buffer is its storage."""
        self._check(tensordict)
        batch = tensordict.copy()
        following = batch.get("next")
        reward = following.get("reward")
        met = reward >= self.met_reward
        logit = self.discriminator(tensordict.select(*self.discriminator.in_keys)).get("expert_logit")
        following.set("reward", self.goal_weight * reward + self.gail_weight.to(reward) * adversarial_reward(logit))
        following.set("terminated", following.get("terminated") | met)
        following.set("done", following.get("done") | met)
        return batch

    def _check(self, tensordict: TensorDictBase) -> None:
        for key in (*self.discriminator.in_keys, *_WRITTEN):
            if tensordict.get(key, None) is None:
                raise UsageError(f"The rows lack {key!r}, which ImitationReward reads; write it, too.")

    def anneal(self) -> None:
        """Let the discriminator count less; once a cycle."""
        self.gail_weight.mul_(self.decay)
