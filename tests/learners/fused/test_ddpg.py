"""The baselines' fused gradient against autograd through their loss, and against numbers worked by hand."""

import copy

import pytest
import torch
import torch._dynamo.testing
from helpers.batches import DIMS, random_batch

from sher_rl import (
    FusedLearner,
    Learner,
    MultiGoalDDPGLoss,
    make_ddpg_networks,
)
from sher_rl.learners.fused.critics import ALONE, Critic
from sher_rl.learners.fused.ddpg import gradients
from sher_rl.learners.fused.layers import Batch

RATES = {"actor_lr": 1e-3, "critic_lr": 1e-3, "polyak": 0.9}


def make_loss(*hidden: int, **options) -> MultiGoalDDPGLoss:
    """Over networks with biases, which begin at 0 otherwise."""
    networks = make_ddpg_networks(DIMS, hidden)
    with torch.no_grad():
        for parameter in (p for network in networks for p in network.parameters()):
            parameter.add_(0.2 * torch.randn_like(parameter))
    return MultiGoalDDPGLoss(*networks, **({"gamma": 0.9, "action_l2": 1.0} | options))


OPTIONS = [{}, {"action_l2": 0.0}, {"action_l2": 3.5}, {"gamma": 0.0}, {"gamma": 0.5}, {"gamma": 0.98}]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("target_every", [1, 3])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_seven_steps_equal_seven_steps_of_autograd(options: dict, target_every: int, weighted: bool) -> None:
    torch.manual_seed(0)
    loss = make_loss(32, 32, **options)
    rival = copy.deepcopy(loss)
    learner = FusedLearner(loss, **RATES, target_every=target_every, compile=False)
    autograd = Learner(rival, **RATES, target_every=target_every)
    for _ in range(7):
        batch = random_batch(64)
        if weighted:
            batch["priority_weight"] = torch.rand(64)
        statistics, expected = learner.step(mine := batch.clone()), autograd.step(batch)
        torch.testing.assert_close(mine["td_error"], batch["td_error"], rtol=1e-4, atol=1e-5)
        assert set(statistics) == set(expected)
        for key, value in expected.items():
            torch.testing.assert_close(statistics[key], value, rtol=1e-4, atol=1e-5, msg=key)
        for (name, p), (_, q) in zip(loss.state_dict().items(), rival.state_dict().items(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-3, atol=2e-5, msg=name)


def test_numbers_by_hand() -> None:
    # Linear networks: π(s) = tanh(s / 2), Q(s, a) = 2 s + 3 a, and the targets π' = tanh(s'), Q' = s' - a'
    def layer(*weights: float) -> list[list[tuple[torch.Tensor, torch.Tensor]]]:
        return [[(torch.tensor([[weights]]), torch.zeros(1, 1, 1))]]

    concatenated = Critic((("s", "action"),), ALONE)

    batch = Batch(
        state={"s": torch.tensor([[1.0], [2.0]])},
        action=torch.tensor([[0.5], [-1.0]]),
        next_state={"s": torch.tensor([[-1.0], [30.0]])},
        reward=torch.tensor([-1.0, 0.0]),
        terminated=torch.tensor([False, False]),
        weight=torch.tensor([0.5, 1.5]),
    )
    # Q = 3.5 and 1; Q'(-1) = -1 + tanh 1 = -0.238406, so y = -1 - 0.9 * 0.238406 = -1.214565; the other y is cut to 0
    # ∂/∂w of ½ (½ · 4.714565² + 1.5 · 1²): errors 4.714565 and 1 by weight, times s and times a
    # π = tanh(½) = 0.462117 and tanh(1) = 0.761594; into π: -3/2 + 2 · 0.25 / 2 · π, times 1 - π², times s
    critic, actor, error, statistics = gradients(
        concatenated,
        layer(2.0, 3.0),
        layer(0.5),
        layer(1.0, -1.0),
        layer(1.0),
        batch,
        gamma=0.9,
        action_l2=0.25,
    )
    torch.testing.assert_close(error, torch.tensor([4.714565, 1.0]))
    torch.testing.assert_close(
        critic, torch.tensor([0.5 * 4.714565 + 3.0, 0.25 * 4.714565 - 1.5, 0.5 * 4.714565 + 1.5])
    )
    first, second = ((-1.5 + 0.25 * a) * (1 - a**2) for a in (0.462117, 0.761594))
    torch.testing.assert_close(actor, torch.tensor([first + 2 * second, first + second]))
    own_q, penalty = (2 + 3 * 0.462117 + 4 + 3 * 0.761594) / 2, 0.25 * (0.462117**2 + 0.761594**2) / 2
    expected = {
        "loss_actor": torch.tensor(penalty - own_q),
        "loss_qvalue": torch.tensor((0.5 * 4.714565**2 + 1.5) / 2),
        "q_mean": torch.tensor(2.25),
        "q_min": torch.tensor(1.0),
        "q_max": torch.tensor(3.5),
        "grad_norm": torch.cat([critic, actor]).norm(),
    }
    torch.testing.assert_close(statistics, expected)


def test_compiled_and_plain_agree_and_one_graph_serves_all_steps() -> None:
    loss, batches = make_loss(16), [random_batch(16) for _ in range(3)]
    graphs = torch._dynamo.testing.CompileCounter()
    results = []
    for each, compiled in ((copy.deepcopy(loss), True), (loss, False)):
        learner = FusedLearner(each, **RATES, compile=compiled)
        results.append(torch.stack([torch.stack(list(learner.step(batch.clone()).values())) for batch in batches]))
    torch.testing.assert_close(*results)
    learner._gradients = torch.compile(learner._fusion.gradients, dynamic=False, backend=graphs)
    for batch in batches:
        learner.step(batch)
    assert graphs.frame_count == 1


def test_bfloat16_steps_point_the_same_way() -> None:
    loss, batch = make_loss(64, 64), random_batch(512)
    other, flat = copy.deepcopy(loss), []
    for each, dtype in ((loss, torch.float32), (other, torch.bfloat16)):
        learner = FusedLearner(each, **RATES, dtype=dtype, compile=False)
        learner.step(batch.clone())
        flat.append(torch.cat([learner._critic.vector.grad, learner._actor.vector.grad]))
    assert torch.nn.functional.cosine_similarity(*flat, dim=0) > 0.999
    assert all(p.dtype == torch.float32 for p in other.parameters())


def test_a_restored_learner_goes_on_to_the_bit() -> None:
    loss, batches = make_loss(16), [random_batch(32) for _ in range(4)]
    learner = FusedLearner(loss, **RATES, target_every=3, compile=False)
    for batch in batches[:2]:
        learner.step(batch)
    other = make_loss(16)
    restored = FusedLearner(other, **RATES, target_every=3, compile=False)
    other.load_state_dict(copy.deepcopy(loss.state_dict()))
    restored.load_state_dict(copy.deepcopy(learner.state_dict()))
    for batch in batches[2:]:
        learner.step(batch.clone())
        restored.step(batch)
    for (name, p), (_, q) in zip(loss.state_dict().items(), other.state_dict().items(), strict=True):
        assert torch.equal(p, q), name


def test_the_loss_follows_even_where_it_was_evaluated_before() -> None:
    loss, batch = make_loss(16), random_batch(32)
    loss(batch)
    learner = FusedLearner(loss, **RATES, compile=False)
    learner.step(batch)
    expected = loss(batch)["loss_actor"].detach()
    torch.testing.assert_close(learner.step(batch)["loss_actor"], expected, rtol=1e-4, atol=1e-5)
