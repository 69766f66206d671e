"""What Goal-GAIL costs: its reward in a batch, a step of its discriminator, and of four rooms; medians, in turns."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torchrl.data import LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer
from torchrl.envs import Compose

from benchmarks.suite.test_curricula import in_turns as calls_in_turns
from benchmarks.suite.test_relabel import in_turns, reward_fn, seconds, steps
from sher_rl import (
    DiscriminatorLearner,
    FourRooms,
    FusedLearner,
    GoalDims,
    GoalDiscriminator,
    GoalGAILLoss,
    GoalNormalizer,
    HindsightRelabel,
    ImitationReward,
    MultiGoalDDPGLoss,
    PointMass,
    make_ddpg_networks,
)

FILL, ROUNDS = 10_000, 200
DIMS = GoalDims(observation=10, goal=3, action=4)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make_reward() -> ImitationReward:
    normalizer = GoalNormalizer(DIMS)
    return ImitationReward(GoalDiscriminator(DIMS, normalizer.observation, normalizer.goal))


def make_buffer(*more: ImitationReward) -> ReplayBuffer:
    storage = LazyTensorStorage(FILL)
    transform = Compose(HindsightRelabel(reward_fn, storage), *more)
    buffer = TensorDictReplayBuffer(storage=storage, transform=transform)
    buffer.extend(steps(FILL))
    return buffer


@pytest.mark.parametrize("batch_size", [256, 1024])
def test_sample(benchmark: BenchmarkFixture, batch_size: int) -> None:
    rivals = {"hindsight alone": partial(seconds, make_buffer())}
    in_turns(benchmark, f"sample {batch_size} with imitation", make_buffer(make_reward()), rivals, batch_size, ROUNDS)


def test_step_of_the_discriminator(benchmark: BenchmarkFixture) -> None:
    reward, buffer = make_reward(), make_buffer()
    loss = GoalGAILLoss(reward.discriminator)
    learner = DiscriminatorLearner(loss, reward, buffer.storage, make_buffer(), lr=1e-3, batch_size=128, updates=1)
    policy_loss = MultiGoalDDPGLoss(*make_ddpg_networks(DIMS, (256, 256)), gamma=0.98, action_l2=0.0)
    policy = FusedLearner(policy_loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.99, compile=False)
    batch = buffer.sample(256)
    rivals = {"a step of DDPG": lambda: policy.step(batch)}
    calls_in_turns(benchmark, "a step of the discriminator", learner.step, rivals, 100)


def test_four_rooms(benchmark: BenchmarkFixture) -> None:
    rooms, mass = FourRooms(20), PointMass(2, 20)
    rivals = {"PointMass": lambda: mass.rollout(20, break_when_any_done=False)}
    ours = partial(rooms.rollout, 20, break_when_any_done=False)
    calls_in_turns(benchmark, "20 steps of 20 four rooms", ours, rivals, 30)
