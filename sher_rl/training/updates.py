"""A round of gradient steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tensordict import TensorDict
from torch import Tensor
from torchrl.data import PrioritizedSampler, TensorDictReplayBuffer

from sher_rl.learners.autograd import Learner
from sher_rl.learners.finite import losses, losses_are_finite
from sher_rl.learners.fused.learner import FusedLearner
from sher_rl.training.config import RunConfig
from sher_rl.training.finite import check_finite

TOGETHER = 2**15
"""Transitions that are drawn, relabelled and normalised together, about."""


def gradient_steps(
    config: RunConfig, buffer: TensorDictReplayBuffer, learner: FusedLearner | Learner, folder: Path
) -> Iterator[dict[str, Tensor]]:
    """Take the gradient steps of a round, and yield what each says of itself.

    Raises:
        FloatingPointError: a loss or gradient is NaN or Inf; the weights are as they were before that step.
    """
    for batch in minibatches(buffer, config.batch_size, config.updates_per_batch):
        statistics = learner.step(batch)
        if not losses_are_finite(statistics):
            dump = {"batch": batch.to_dict(), "networks": learner.loss.state_dict()}
            check_finite(TensorDict(losses(statistics)), folder, f"gradient step {learner.steps:,}", **dump)
        buffer.update_tensordict_priority(batch)
        yield statistics


def minibatches(buffer: TensorDictReplayBuffer, batch_size: int, count: int) -> Iterator[TensorDict]:
    """Yield ``count`` batches, drawn, relabelled and normalised some 32,000 transitions at a time.

    Where priorities follow each batch, they are drawn one by one.
    """
    together = 1 if isinstance(buffer.sampler, PrioritizedSampler) else max(1, TOGETHER // batch_size)
    for done in range(0, count, together):
        yield from buffer.sample(batch_size * min(together, count - done)).split(batch_size)
