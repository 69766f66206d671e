"""The fused step against autograd through the loss: the same numbers from the same draws."""

import copy

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

OPTIONS = [
    {},
    {"alpha": 0.0},
    {"clip": "hard"},
    {"clip": "hard_q"},
    {"clip": "soft", "alpha": 0.3},
    {"actor_q": "min"},
    {"target_entropy": "auto"},
    {"target_entropy": -1.0, "clip": "hard", "actor_q": "min"},
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_five_steps_equal_five_steps_of_autograd(options: dict, weighted: bool) -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (32, 32)), **({"alpha": 0.1, "gamma": 0.9} | options))
    rival = copy.deepcopy(loss)
    learner = FusedLearner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9, compile=False)
    autograd = Learner(rival, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9)
    for step in range(5):
        batch = random_batch(64)
        if weighted:
            batch["priority_weight"] = torch.rand(64)
        torch.manual_seed(step)
        statistics = learner.step(mine := batch.clone())
        torch.manual_seed(step)
        expected = autograd.step(batch)
        torch.testing.assert_close(mine["td_error"], batch["td_error"], rtol=1e-4, atol=1e-5)
        for key, value in expected.items():
            torch.testing.assert_close(statistics[key], value, rtol=1e-4, atol=1e-5, msg=key)
    for (name, p), (_, q) in zip(loss.state_dict().items(), rival.state_dict().items(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-3, atol=2e-5, msg=name)


def test_compiled_and_plain_agree() -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9, clip="hard")
    other, batch = copy.deepcopy(loss), random_batch(16)
    results = []
    for each, compiled in ((loss, True), (other, False)):
        learner = FusedLearner(each, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9, compile=compiled)
        torch.manual_seed(1)
        results.append(torch.stack(list(learner.step(batch.clone()).values())))
    torch.testing.assert_close(*results)


def test_bfloat16_steps_point_the_same_way() -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (64, 64)), alpha=0.1, gamma=0.9)
    other, batch = copy.deepcopy(loss), random_batch(512)
    flat = []
    for each, dtype in ((loss, torch.float32), (other, torch.bfloat16)):
        learner = FusedLearner(each, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9, dtype=dtype, compile=False)
        torch.manual_seed(1)
        learner.step(batch.clone())
        flat.append(torch.cat([learner._critic.vector.grad, learner._actor.vector.grad]))
    assert torch.nn.functional.cosine_similarity(*flat, dim=0) > 0.999
    assert all(p.dtype == torch.float32 for p in other.parameters())


def test_soft_bounds_of_a_learned_temperature_are_not_compiled_in() -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9, clip="soft", target_entropy="auto")
    learner = FusedLearner(loss, actor_lr=0.1, critic_lr=1e-3, polyak=0.9, compile=False)
    graphs = torch._dynamo.testing.CompileCounter()
    learner._gradients = torch.compile(learner._fusion.gradients, dynamic=False, backend=graphs)
    alphas = {learner.step(random_batch(8))["alpha"].item() for _ in range(4)}
    assert (len(alphas), graphs.frame_count) == (4, 1)
