"""Both learners: what they share, restored and followed."""

import copy
from functools import partial

import pytest
import torch
import torch._dynamo.testing
from helpers.batches import DIMS, random_batch

from sher_rl import (
    FusedLearner,
    Learner,
    SoftMultiGoalLoss,
    make_networks,
)

KINDS = [partial(FusedLearner, compile=False), partial(Learner, target_every=3)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_policy_follows_and_a_restored_learner_goes_on_alike(kind: partial) -> None:
    actor, qvalue, value = make_networks(DIMS, (16,))
    loss = SoftMultiGoalLoss(actor, qvalue, value, alpha=0.1, gamma=0.9)
    learner = kind(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9)
    before = [p.clone() for p in actor.parameters()]
    batches = [random_batch(32) for _ in range(4)]
    for batch in batches[:2]:
        learner.step(batch)
    assert all((p != q).any() for p, q in zip(actor.parameters(), before, strict=True))
    other = SoftMultiGoalLoss(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9)
    restored = kind(other, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9)
    other.load_state_dict(copy.deepcopy(loss.state_dict()))
    restored.load_state_dict(copy.deepcopy(learner.state_dict()))
    for each in (learner, restored):
        torch.manual_seed(1)
        for batch in batches[2:]:
            each.step(batch)
    for (name, p), (_, q) in zip(loss.state_dict().items(), other.state_dict().items(), strict=True):
        assert torch.equal(p, q), name


@pytest.mark.parametrize("kind", KINDS)
def test_actions_that_were_collected_with_gradients_count_as_numbers(kind: partial) -> None:
    weights = []
    for tracked in (False, True):
        torch.manual_seed(0)
        actor, qvalue, value = make_networks(DIMS, (16,))
        loss = SoftMultiGoalLoss(actor, qvalue, value, alpha=0.1, gamma=0.9)
        learner = kind(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9)
        batch = random_batch(32)
        loc = actor(batch.copy())["loc"]
        batch["action"] = loc.tanh() if tracked else loc.tanh().detach()
        assert batch["action"].requires_grad is tracked
        learner.step(batch)
        weights.append(torch.cat([p.detach().flatten() for p in actor.parameters()]))
    assert torch.equal(*weights)
