"""The gradient steps of a discriminator, between the rounds of the policy's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor
from torchrl.data import TensorDictReplayBuffer, TensorStorage

from sher_rl.errors import check_counts
from sher_rl.learners.autograd import Learner
from sher_rl.objectives.goal_gail import EXPERT, GoalGAILLoss
from sher_rl.replay.imitation import ImitationReward


class DiscriminatorLearner:
    """Take a round of a discriminator's gradient steps, then anneal its reward: the other half of Goal-GAIL.

    It is what :func:`~sher_rl.train` calls as ``on_cycle``. Each step has as many of the agent's transitions, uniformly
    from its buffer and with the goals that they had, as of the expert's, relabelled where their buffer does so.

    Args:
        loss: of the discriminator that ``reward`` has.
        reward: annealed after each round.
        storage: the agent's transitions.
        demonstrations: the expert's.

    Keyword Args:
        lr: Adam's step size.
        batch_size: transitions of each in a step.
        updates: steps in a round.

    Its state is Adam's; the discriminator's weights are in that of ``reward``.

    Raises:
        UsageError: a number is out of range.

    Ding et al., NeurIPS 2019, arXiv:1906.05838, algorithm 1.

    >>> from torchrl.data import LazyTensorStorage
    >>> from sher_rl import FourRooms, GoalDims, GoalDiscriminator, GoalNormalizer
    >>> env = FourRooms(2)
    >>> demonstrations = TensorDictReplayBuffer(storage=LazyTensorStorage(100))
    >>> agent = TensorDictReplayBuffer(storage=LazyTensorStorage(100))
    >>> for buffer in (demonstrations, agent):
    ...     _ = buffer.extend(env.rollout(50).reshape(-1))
    >>> norm = GoalNormalizer(GoalDims.of(env))
    >>> discriminator = GoalDiscriminator(GoalDims.of(env), norm.observation, norm.goal)
    >>> learner = DiscriminatorLearner(GoalGAILLoss(discriminator), ImitationReward(discriminator), agent.storage,
    ...     demonstrations, lr=1e-3, batch_size=32, updates=2)
    >>> learner(100)
    """

    def __init__(
        self,
        loss: GoalGAILLoss,
        reward: ImitationReward,
        storage: TensorStorage,
        demonstrations: TensorDictReplayBuffer,
        *,
        lr: float,
        batch_size: int,
        updates: int,
    ) -> None:
        check_counts(batch_size=batch_size)
        check_counts(0, updates=updates)
        self.reward = reward
        self.storage = storage
        self.demonstrations = demonstrations
        self.batch_size = batch_size
        self.updates = updates
        self._learner = Learner(loss, actor_lr=lr, critic_lr=lr, polyak=1.0)

    @torch.enable_grad()
    def __call__(self, frames: int) -> None:
        """Take the steps of a round; ``frames`` so far do not matter."""
        for _ in range(self.updates):
            self.step()
        self.reward.anneal()

    def step(self) -> dict[str, Tensor]:
        """Take one step; returns what the loss does, and ``grad_norm``."""
        return self._learner.step(self.batch())

    def batch(self) -> TensorDictBase:
        """Transitions of both, the agent's first, ``(2 batch_size,)``, with what the discriminator reads."""
        read = self._learner.loss.discriminator_network.in_keys
        slot = torch.randint(len(self.storage), (self.batch_size,), device=self.storage.device)
        agent = self.storage.get(slot).select(*read)
        expert = self.demonstrations.sample(self.batch_size).select(*read)
        is_expert = torch.arange(2 * self.batch_size).unsqueeze(1) >= self.batch_size
        return TensorDict.cat([agent, expert.to(agent.device)]).set(EXPERT, is_expert.to(agent.device))

    def state_dict(self) -> dict[str, Any]:
        """Adam's state and the count of steps."""
        return self._learner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        self._learner.load_state_dict(state)
