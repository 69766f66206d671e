"""Critics of two streams in the fused step: numbers by hand, and the same numbers as autograd through the loss."""

import copy
from collections.abc import Callable

import pytest
import torch
from helpers.batches import DIMS, random_batch

from sher_rl import (
    FusedLearner,
    Learner,
    MultiGoalDDPGLoss,
    SoftMultiGoalLoss,
    make_bilinear_networks,
    make_ddpg_networks,
    make_merged_networks,
    make_networks,
    make_two_stream_networks,
)
from sher_rl.learners.fused.critics import PRODUCT, Critic, action_gradient, values, weight_gradients

TWO_STREAMS = [make_two_stream_networks, make_merged_networks, make_bilinear_networks]
RATES = {"actor_lr": 1e-3, "critic_lr": 1e-3, "polyak": 0.9}


def make_loss(make: Callable, *hidden: int, **options) -> SoftMultiGoalLoss:
    return SoftMultiGoalLoss(*make(DIMS, hidden, embedding=4), **({"alpha": 0.1, "gamma": 0.9} | options))


def test_a_product_of_linear_streams_by_hand() -> None:
    # φ(s, a) = (2 s + a, s - a) and ψ(g) = (3 g, g), at s = 1, a = 2, g = 2: (4, -1) · (6, 2) = 22
    phi = [(torch.tensor([[[2.0, 1.0], [1.0, -1.0]]]), torch.zeros(1, 1, 2))]
    psi = [(torch.tensor([[[3.0], [1.0]]]), torch.zeros(1, 1, 2))]
    critic = Critic((("s", "action"), ("g",)), PRODUCT)
    given = {"s": torch.tensor([[1.0]]), "g": torch.tensor([[2.0]]), "action": torch.tensor([[2.0]])}
    value, trace = values(critic, [phi, psi], given)
    assert value.tolist() == [[22.0]]
    # into φ: 0.5 ψ = (3, 1); into ψ: 0.5 φ = (2, -0.5); weights: times their input (1, 2) or 2; action: 3 · 1 - 1 · 1
    gradients = weight_gradients(critic, [phi, psi], trace, torch.tensor([[0.5]]))
    expected = [[[3.0, 6.0], [1.0, 2.0]], [[3.0, 1.0]], [[4.0], [-1.0]], [[2.0, -0.5]]]
    assert [gradient[0].tolist() for gradient in gradients] == expected
    assert action_gradient(critic, [phi, psi], trace, torch.tensor([[0.5]]), 1).tolist() == [[[2.0]]]


@pytest.mark.parametrize("options", [{}, {"actor_q": "min", "clip": "hard"}], ids=str)
@pytest.mark.parametrize("make", TWO_STREAMS)
def test_five_steps_equal_five_steps_of_autograd(make: Callable, options: dict) -> None:
    loss = make_loss(make, 32, 32, **options)
    rival = copy.deepcopy(loss)
    learner, autograd = FusedLearner(loss, **RATES, compile=False), Learner(rival, **RATES)
    for step in range(5):
        batch = random_batch(64)
        torch.manual_seed(step)
        statistics = learner.step(mine := batch.clone())
        torch.manual_seed(step)
        expected = autograd.step(batch)
        torch.testing.assert_close(mine["td_error"], batch["td_error"], rtol=1e-4, atol=1e-5)
        for key, value in expected.items():
            torch.testing.assert_close(statistics[key], value, rtol=1e-4, atol=1e-5, msg=key)
    for (name, p), (_, q) in zip(loss.state_dict().items(), rival.state_dict().items(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-3, atol=2e-5, msg=name)


@pytest.mark.parametrize("make", TWO_STREAMS)
def test_a_deterministic_policy_learns_from_them_too(make: Callable) -> None:
    actor, _ = make_ddpg_networks(DIMS, (16,))
    loss = MultiGoalDDPGLoss(actor, make(DIMS, (16, 16))[1], gamma=0.9, action_l2=1.0)
    rival, batch = copy.deepcopy(loss), random_batch(32)
    statistics = FusedLearner(loss, **RATES, compile=False).step(batch.clone())
    for key, value in Learner(rival, **RATES).step(batch).items():
        torch.testing.assert_close(statistics[key], value, rtol=1e-4, atol=1e-5, msg=key)


def test_q_and_v_may_differ_in_their_architecture() -> None:
    actor, _, value = make_networks(DIMS, (16, 16, 16))
    _, qvalue, _ = make_merged_networks(DIMS, (8, 8))
    loss = SoftMultiGoalLoss(actor, qvalue, value, alpha=0.1, gamma=0.9)
    learner = FusedLearner(loss, **RATES, compile=False)
    assert learner.step(random_batch(8))["loss_qvalue"].isfinite()


@pytest.mark.parametrize("make", TWO_STREAMS)
def test_compiled_and_plain_agree(make: Callable) -> None:
    loss = make_loss(make, 16)
    other, batch = copy.deepcopy(loss), random_batch(16)
    results = []
    for each, compiled in ((loss, True), (other, False)):
        torch.manual_seed(1)
        learner = FusedLearner(each, **RATES, compile=compiled)
        results.append(torch.stack(list(learner.step(batch.clone()).values())))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("make", TWO_STREAMS)
def test_bfloat16_steps_point_the_same_way(make: Callable) -> None:
    loss = make_loss(make, 64, 64)
    other, batch = copy.deepcopy(loss), random_batch(512)
    flat = []
    for each, dtype in ((loss, torch.float32), (other, torch.bfloat16)):
        learner = FusedLearner(each, **RATES, dtype=dtype, compile=False)
        torch.manual_seed(1)
        learner.step(batch.clone())
        flat.append(torch.cat([learner._critic.vector.grad, learner._actor.vector.grad]))
    assert torch.nn.functional.cosine_similarity(*flat, dim=0) > 0.998
