"""What the update benchmarks measure: a filled buffer and a function that takes ``n`` training updates."""

from __future__ import annotations

from collections.abc import Callable

import torch
from tensordict import TensorDict
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose
from torchrl.objectives import LossModule

from sher_rl import (
    FusedLearner,
    GoalDims,
    GoalNormalizer,
    HindsightRelabel,
    Learner,
    MultiGoalDDPGLoss,
    SoftMultiGoalLoss,
    fast_dtype,
    goal_reward,
    make_ddpg_networks,
    make_networks,
)
from sher_rl.training.updates import minibatches

SHAPES = {"push": GoalDims(25, 3, 4), "egg": GoalDims(61, 7, 20)}
_REWARDS = {3: goal_reward("FetchPush-v4"), 7: goal_reward("HandManipulateEgg-v1")}
MakeLoss = Callable[[GoalDims], LossModule]
Updates = Callable[[int], None]


def filled_buffer(
    dims: GoalDims, normalizer: GoalNormalizer | None = None, rows: int = 50_000
) -> TensorDictReplayBuffer:
    """Episodes of 50 random steps behind relabelling and normalisation."""
    normalizer = GoalNormalizer(dims) if normalizer is None else normalizer

    def state() -> dict[str, torch.Tensor]:
        return {"observation": torch.randn(rows, dims.observation), "desired_goal": torch.randn(rows, dims.goal)}

    done = (torch.arange(rows) % 50 == 49).unsqueeze(-1)
    following = {"achieved_goal": torch.randn(rows, dims.goal), "reward": -torch.ones(rows, 1)}
    following |= state() | {"done": done, "terminated": torch.zeros_like(done)}
    storage = LazyTensorStorage(rows)
    relabel = HindsightRelabel(_REWARDS[dims.goal], storage, k=4)
    buffer = TensorDictReplayBuffer(storage=storage, transform=Compose(relabel, normalizer))
    buffer.extend(TensorDict({**state(), "action": torch.rand(rows, dims.action) * 2 - 1, "next": following}, [rows]))
    return buffer


def make_loss(dims: GoalDims) -> SoftMultiGoalLoss:
    """The loss of the SHER recipes."""
    return SoftMultiGoalLoss(*make_networks(dims), alpha=0.02, gamma=0.98, clip="hard")


def make_ddpg_loss(dims: GoalDims) -> MultiGoalDDPGLoss:
    """The loss of HER and CHER."""
    return MultiGoalDDPGLoss(*make_ddpg_networks(dims), gamma=0.98, action_l2=1.0)


def fused_updates(dims: GoalDims, batch_size: int, make_loss: MakeLoss = make_loss) -> Updates:
    """As the recipes: many batches drawn at once, the gradient compiled."""
    buffer = filled_buffer(dims)
    learner = FusedLearner(make_loss(dims), actor_lr=1e-3, critic_lr=1e-3, polyak=0.99, dtype=fast_dtype())

    def run(count: int) -> None:
        for batch in minibatches(buffer, batch_size, count):
            learner.step(batch)

    return run


def autograd_updates(dims: GoalDims, batch_size: int, make_loss: MakeLoss = make_loss) -> Updates:
    """As a TorchRL script: a batch at a time, the loss module, autograd, one Adam, SoftUpdate."""
    buffer = filled_buffer(dims)
    learner = Learner(make_loss(dims), actor_lr=1e-3, critic_lr=1e-3, polyak=0.99)

    def run(count: int) -> None:
        for _ in range(count):
            learner.step(buffer.sample(batch_size))

    return run
