"""DiscriminatorLearner: what its batches hold, that it learns, and that it goes on to the bit."""

from __future__ import annotations

import copy

import pytest
import torch
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer

from sher_rl import (
    DiscriminatorLearner,
    FourRooms,
    GoalDims,
    GoalDiscriminator,
    GoalGAILLoss,
    GoalNormalizer,
    HindsightRelabel,
    ImitationReward,
    UsageError,
    make_four_rooms_expert,
)


def make(seed: int = 0, **changes) -> DiscriminatorLearner:
    torch.manual_seed(seed)
    env = FourRooms(num_envs=5, seed=seed)
    agent = TensorDictReplayBuffer(storage=LazyTensorStorage(1000))
    agent.extend(env.rollout(100).reshape(-1))
    storage = LazyTensorStorage(1000)
    relabel = HindsightRelabel(env.reward_fn, storage, ratio=1.0)
    demonstrations = TensorDictReplayBuffer(storage=storage, transform=relabel)
    demonstrations.extend(env.rollout(100, make_four_rooms_expert(), break_when_any_done=False))
    dims = GoalDims.of(env)
    normalizer = GoalNormalizer(dims)
    normalizer.update(storage.get(slice(0, len(storage))))
    discriminator = GoalDiscriminator(dims, normalizer.observation, normalizer.goal)
    reward = ImitationReward(discriminator, gail_weight=1.0, decay=0.5)
    numbers = {"lr": 1e-3, "batch_size": 64, "updates": 3} | changes
    return DiscriminatorLearner(GoalGAILLoss(discriminator), reward, agent.storage, demonstrations, **numbers)


def test_the_agent_keeps_its_goals_and_the_expert_gets_others() -> None:
    learner = make()
    batch = learner.batch()
    assert batch["expert"].flatten().tolist() == [False] * 64 + [True] * 64
    rows = {key: learner.storage.get(slice(0, len(learner.storage)))[key] for key in ("observation", "desired_goal")}
    own = torch.cat((rows["observation"], rows["desired_goal"]), 1)
    drawn = torch.cat((batch["observation"], batch["desired_goal"]), 1)
    assert (drawn[:64, None] == own).all(-1).any(1).all()
    goals = learner.demonstrations.storage.get(slice(0, 500))
    achieved = goals["next", "achieved_goal"]
    assert (batch["desired_goal"][64:, None] == achieved).all(-1).any(1).all()


def test_a_round_moves_the_rewards_network_and_its_weight() -> None:
    learner = make()
    before = [p.clone() for p in learner.reward.discriminator.parameters()]
    learner(100)
    after = list(learner.reward.discriminator.parameters())
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert learner.reward.gail_weight.item() == 0.5
    assert learner.state_dict()["steps"] == 3


def test_it_tells_the_expert_from_random_actions() -> None:
    learner = make(updates=200)
    learner(0)
    out = learner.step()
    assert out["accuracy_expert"] > 0.8
    assert out["accuracy_agent"] > 0.8


@torch.no_grad()  # collectors turn gradients off
def test_it_goes_on_from_its_state_to_the_bit() -> None:
    one, other = make(seed=1), make(seed=1)
    one(0)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    other.reward.load_state_dict(one.reward.state_dict())
    for learner in (one, other):
        torch.manual_seed(5)
        learner(0)
    for a, b in zip(one.reward.discriminator.parameters(), other.reward.discriminator.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("wrong", "sentence"), [({"batch_size": 0}, "batch_size is 0"), ({"updates": -1}, "updates is -1")]
)
def test_wrong_numbers_are_refused(wrong: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make(**wrong)
