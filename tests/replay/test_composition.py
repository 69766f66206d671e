"""Each sampler with each loss, in a loop of TorchRL's own parts, learns where a random policy does not."""

from typing import get_args

import pytest
import torch
from helpers import point
from helpers.small import small_config
from torchrl.collectors import Collector
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.modules import RandomPolicy

from sher_rl import (
    GoalDims,
    HindsightRelabel,
    Learner,
    MultiGoalDDPGLoss,
    SoftMultiGoalLoss,
    make_ddpg_networks,
    make_env,
    make_explorer,
    make_networks,
    make_policy,
    make_sampler,
)
from sher_rl.modules.norms import GoalNorm, ObservationNorm
from sher_rl.training.config import Sampling
from sher_rl.training.evaluation import evaluate
from sher_rl.training.updates import minibatches

FRAMES, CYCLE, UPDATES = 3_000, 120, 30
SAMPLERS = get_args(Sampling)


def success(sampling: str, method: str, tmp_path) -> float:
    torch.manual_seed(0)
    env = make_env("Point-v0", 8, backend="gym")
    dims = GoalDims.of(env)
    if method == "sher":
        actor, qvalue, value = make_networks(dims, (64, 64))
        loss = SoftMultiGoalLoss(actor, qvalue, value, alpha=0.05, gamma=0.93, clip="hard")
    else:
        actor, qvalue = make_ddpg_networks(dims, (64, 64))
        loss = MultiGoalDDPGLoss(actor, qvalue, gamma=0.93, action_l2=0.1)
    learner = Learner(loss, actor_lr=2e-3, critic_lr=2e-3, polyak=0.97)
    policy = make_policy(ObservationNorm(3), GoalNorm(3), actor)
    explorer = make_explorer(policy, env, random_action=0.2, noise=0.0 if method == "sher" else 0.2)
    storage = LazyTensorStorage(FRAMES)
    relabel = HindsightRelabel(point.point_reward, storage)
    numbers = {"buffer_size": FRAMES, "batch_size": 128, "total_frames": FRAMES, "frames_per_batch": CYCLE}
    task = {
        "env_id": "FetchPush-v4",
        "eval_frames": 600,
    }  # an epoch; the point is an object
    sampler, on_cycle = make_sampler(small_config(tmp_path, sampler=sampling, **numbers, **task), relabel)
    buffer = TensorDictReplayBuffer(storage=storage, sampler=sampler, transform=relabel)
    frames = 0
    for data in Collector(env, explorer, frames_per_batch=CYCLE, total_frames=FRAMES):
        buffer.extend(data)
        frames += data.numel()
        for batch in minibatches(buffer, 128, UPDATES):
            learner.step(batch)
            buffer.update_tensordict_priority(batch)
        on_cycle(frames)
    return evaluate(policy, make_env("Point-v0", 10, backend="gym"), episodes=100, seed=10_000).mean().item()


CASES = [
    pytest.param(sampling, method, marks=[] if (number % 2 == 0) == (method == "sher") else [pytest.mark.slow])
    for number, sampling in enumerate(SAMPLERS)
    for method in ("sher", "her")
]


@pytest.mark.parametrize(("sampling", "method"), CASES)
def test_a_sampler_and_a_loss_learn_together(sampling: str, method: str, tmp_path, record_property) -> None:
    rate = success(sampling, method, tmp_path)
    record_property("success", rate)
    assert rate > 0.5


def test_chance_is_far_below() -> None:
    env = make_env("Point-v0", 10, backend="gym")
    assert evaluate(RandomPolicy(env.full_action_spec), env, episodes=200, seed=10_000).mean() < 0.1
