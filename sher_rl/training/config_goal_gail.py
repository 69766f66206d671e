"""The numbers of a run of Goal-GAIL."""

from __future__ import annotations

import dataclasses

from sher_rl.modules.discriminator import Outcome
from sher_rl.training.config import HerConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoalGailConfig(HerConfig):
    """A run of Goal-GAIL (arXiv:1906.05838): HER whose reward is, wholly or in part, to look like an expert.

    Raises:
        UsageError: a value is of another type than the field, or out of range.
    """

    demonstrations: int
    """Episodes of the expert."""
    expert_k: float
    """Hindsight goals for each original one in the expert's transitions; k is for the agent's."""
    expert_share: float
    """Share of the policy's batches that is the expert's transitions."""
    goal_weight: float
    """Weight of the task's reward."""
    gail_weight: float
    """Weight of the discriminator's reward at the start."""
    gail_decay: float
    """Factor of gail_weight after each round of updates."""
    discriminator_reads: Outcome
    """What the discriminator sees of what was done: the next observation, or the action."""
    discriminator_updates: int
    """Gradient steps of the discriminator after each round of the policy's."""
    discriminator_batch: int
    """Transitions of the agent in such a step, and as many of the expert's."""
    discriminator_lr: float
    """Adam's step size for the discriminator."""
    discriminator_noise: float
    """Standard deviation of noise on the actions that the discriminator sees while it learns, if it sees any."""
