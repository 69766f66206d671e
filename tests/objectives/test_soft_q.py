"""Numbers worked by hand, what each gradient reaches, and a sampler that learns a density with two modes."""

import copy
import math

import pytest
import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule, TensorDictSequential
from torch import Tensor, nn
from torchrl.data import LazyTensorStorage, TensorDictPrioritizedReplayBuffer
from torchrl.objectives import SoftUpdate, ValueEstimators

from sher_rl import GoalDims, HindsightRelabel, Learner, SoftQLoss, UsageError, make_soft_q_networks
from sher_rl.functional.stein import squashed_score, stein_gradient
from sher_rl.modules.soft_q import Noise

DIMS = GoalDims(observation=5, goal=3, action=2)


class Scaled(nn.Module):
    """The observation times a weight: the same Q for every action."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))

    def forward(self, observation: Tensor, action: Tensor) -> Tensor:
        return self.weight * observation + 0 * action.sum(-1, keepdim=True)


def flat_loss(**options) -> SoftQLoss:
    """Q(s, a) = s, with actions in two dimensions."""
    sampler = TensorDictSequential(
        Noise(2, like="observation"),
        TensorDictModule(nn.Linear(2, 2), ["noise"], ["raw_action"]),
        TensorDictModule(nn.Tanh(), ["raw_action"], ["action"]),
    )
    qvalue = TensorDictModule(Scaled(), ["observation", "action"], ["state_action_value"])
    loss = SoftQLoss(sampler, qvalue, **({"alpha": 0.5, "gamma": 0.5} | options))
    SoftUpdate(loss, eps=0.9)
    return loss


def transition(next_s: float = -4.0, terminated: bool = False, reward: float = -1.0) -> TensorDict:
    after = {"observation": torch.tensor([[next_s]]), "reward": torch.tensor([[reward]])}
    after["terminated"] = torch.tensor([[terminated]])
    return TensorDict({"observation": torch.tensor([[2.0]]), "action": torch.zeros(1, 2), "next": after}, [1])


@pytest.mark.parametrize(
    ("options", "terminated", "target"),
    [
        ({}, False, -1 + 0.5 * (-4 + 0.5 * 2 * math.log(2))),  # where Q is flat, V = Q + α ln 4
        ({"prior": "uniform"}, False, -3.0),
        ({"value_samples": 1}, False, -3 + 0.5 * math.log(2)),
        ({}, True, -1.0),
    ],
)
def test_numbers_by_hand(options: dict, terminated: bool, target: float) -> None:
    batch = transition(terminated=terminated)
    losses = flat_loss(**options)(batch)
    assert losses["loss_qvalue"].item() == pytest.approx(0.5 * (2 - target) ** 2)
    assert batch["td_error"].tolist() == pytest.approx([2 - target])
    assert [losses[key].item() for key in ("q_mean", "q_min", "q_max")] == [2.0] * 3
    assert losses["alpha"].item() == 0.5


@pytest.mark.parametrize(
    ("prior", "next_s", "target"), [("none", 90.0, math.log(2)), ("uniform", 90.0, 0.0), ("none", -90.0, -2.0)]
)
def test_targets_stay_within_optimal_soft_values(prior: str, next_s: float, target: float) -> None:
    batch = transition(next_s)
    flat_loss(prior=prior, clip="soft")(batch)
    assert batch["td_error"].item() == pytest.approx(2 - target)


def test_n_steps_have_a_power_of_the_discount() -> None:
    batch = transition()
    batch["steps_to_next_obs"] = torch.tensor([[3]])
    flat_loss(prior="uniform")(batch)
    assert batch["td_error"].item() == pytest.approx(2 - (-1 + 0.125 * -4))


def test_the_policy_as_proposal_gives_the_same_value() -> None:
    torch.manual_seed(0)
    loss = flat_loss(proposal="policy", value_samples=100_000)
    with torch.no_grad():  # an invertible map, of about the variance that makes tanh of it uniform
        loss.actor_network_params["module", "1", "module", "weight"].data.copy_(torch.tensor([[0.8, 0.2], [-0.1, 0.9]]))
    assert loss(transition())["v_mean"].item() == pytest.approx(-4 + 0.5 * 2 * math.log(2), abs=0.02)


def test_the_policy_as_proposal_needs_noise_of_the_actions_size() -> None:
    loss = SoftQLoss(*make_soft_q_networks(DIMS, (8,), noise=3), alpha=0.1, gamma=0.9, proposal="policy")
    with pytest.raises(UsageError, match="noise has a size of 3 for actions of 2; use the same, or proposal='uniform'"):
        loss(random_batch())


def random_batch(rows: int = 16) -> TensorDict:
    def state() -> dict[str, Tensor]:
        return {"observation": torch.randn(rows, 5), "desired_goal": torch.randn(rows, 3)}

    after = state() | {"reward": -torch.ones(rows, 1), "terminated": torch.rand(rows, 1) < 0.2}
    return TensorDict({**state(), "action": torch.rand(rows, 2) * 2 - 1, "next": after}, [rows])


def network_loss(**options) -> SoftQLoss:
    loss = SoftQLoss(*make_soft_q_networks(DIMS, (16,)), **({"alpha": 0.1, "gamma": 0.9} | options))
    SoftUpdate(loss, eps=0.9)
    return loss


@pytest.mark.parametrize("proposal", ["uniform", "policy"])
@pytest.mark.parametrize(("key", "reached"), [("loss_actor", "actor_network"), ("loss_qvalue", "qvalue_network")])
def test_each_loss_reaches_its_own_network_alone(key: str, reached: str, proposal: str) -> None:
    loss = network_loss(proposal=proposal)
    loss(random_batch())[key].backward()
    for name, parameter in loss.named_parameters():
        assert (parameter.grad is not None and bool(parameter.grad.any())) == name.startswith(reached), name


def test_the_samplers_gradient_is_steins_through_the_network() -> None:
    """Of four particles two are looked at and two move; the gradient of each weight is had by a Jacobian."""
    loss = network_loss(particles=4, value_samples=2)
    batch = random_batch(3)
    torch.manual_seed(5)
    loss(batch)["loss_actor"].backward()
    torch.manual_seed(5)
    loss._next_value(batch)
    sampler = loss.actor_network
    with loss.actor_network_params.to_module(sampler):
        fixed, moved = (sampler(batch.select("observation", "desired_goal").expand(2, 3).copy()) for _ in range(2))
        action = fixed["action"].detach().requires_grad_()
        q_inputs = fixed.detach().set("action", action)
        with loss.qvalue_network_params.data.to_module(loss.qvalue_network):
            (gradient,) = torch.autograd.grad(loss.qvalue_network(q_inputs)["state_action_value"].sum(), action)
        raw = moved["raw_action"]
        scores = squashed_score(gradient, action.detach(), 0.1)
        direction = stein_gradient(scores, fixed["raw_action"].detach(), raw.detach())
        weight = loss.actor_network_params["module", "1", "module", "mlp", "0", "weight"]
        expected = torch.zeros_like(weight)
        for value, towards in zip(raw.flatten(), direction.flatten(), strict=True):
            expected -= towards * torch.autograd.grad(value, weight, retain_graph=True)[0] / 6
    torch.testing.assert_close(weight.grad, expected)


def test_the_sampler_learns_both_modes_and_their_spread() -> None:
    """At a high temperature it spreads first; one that starts narrow finds one mode."""
    torch.manual_seed(0)

    class TwoHills(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused = nn.Parameter(torch.zeros(()))

        def forward(self, action: Tensor) -> Tensor:
            return -4 * (action.abs() - 0.6).square() + 0 * self.unused

    sampler, _ = make_soft_q_networks(GoalDims(1, 1, 1), (32, 32))
    qvalue = TensorDictModule(TwoHills(), ["action"], ["state_action_value"])
    loss = SoftQLoss(sampler, qvalue, alpha=5.0, gamma=0.0, value_samples=1)
    learner = Learner(loss, actor_lr=3e-3, critic_lr=0.0, polyak=0.9)
    state = {"observation": torch.zeros(4, 1), "desired_goal": torch.zeros(4, 1)}
    after = {**state, "reward": torch.zeros(4, 1), "terminated": torch.ones(4, 1, dtype=torch.bool)}
    batch = TensorDict({**state, "action": torch.zeros(4, 1), "next": after}, [4])
    for alpha in [5.0] * 150 + [0.2] * 250:
        loss.alpha = alpha
        learner.step(batch)
    many = TensorDict(observation=torch.zeros(4_000, 1), desired_goal=torch.zeros(4_000, 1), batch_size=[4_000])
    action = sampler(many)["action"].detach()
    grid = torch.linspace(-1, 1, 10_001)
    weights = (-4 * (grid.abs() - 0.6).square() / 0.2).softmax(0)
    assert 0.35 < (action > 0).float().mean().item() < 0.65
    assert action.square().mean().item() == pytest.approx((weights * grid.square()).sum().item(), abs=0.06)


def test_priority_weights_correct_the_critic_alone() -> None:
    loss, batch = network_loss(reduction="sum"), random_batch()
    torch.manual_seed(1)
    plain = loss(batch)
    batch["priority_weight"] = torch.full((16,), 0.5)
    torch.manual_seed(1)
    weighted = loss(batch)
    torch.testing.assert_close(weighted["loss_qvalue"], 0.5 * plain["loss_qvalue"])
    torch.testing.assert_close(weighted["loss_actor"], plain["loss_actor"])


def test_a_step_changes_the_weights_and_targets_move() -> None:
    loss = network_loss()
    learner = Learner(loss, actor_lr=1e-2, critic_lr=1e-2, polyak=0.5)
    before = loss.target_qvalue_network_params.clone()
    statistics = learner.step(random_batch())
    assert set(statistics) == {*loss.out_keys, "grad_norm"}
    expected = 0.5 * before + 0.5 * loss.qvalue_network_params.data
    for target, value in zip(
        loss.target_qvalue_network_params.values(True, True), expected.values(True, True), strict=True
    ):
        torch.testing.assert_close(target, value)


def test_temperature_can_be_annealed_and_only_td0_is_had() -> None:
    loss = network_loss()
    loss.alpha = 0.025
    assert loss(random_batch())["alpha"].item() == pytest.approx(0.025)
    with pytest.raises(UsageError, match="alpha is"):
        loss.alpha = -1.0
    assert loss.make_value_estimator(ValueEstimators.TD0, gamma=0.5).gamma == 0.5
    with pytest.raises(NotImplementedError, match="TD0"):
        loss.make_value_estimator(ValueEstimators.TDLambda)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"alpha": 0.0}, "alpha is 0.0; use a number above 0"),
        ({"gamma": -0.1}, "gamma is -0.1"),
        ({"value_samples": 0}, "value_samples is 0"),
        ({"particles": 2.0}, "particles is 2.0"),
        ({"particles": 5}, "particles is 5; use an even number"),
        ({"proposal": "gaussian"}, "proposal is 'gaussian'; use one of uniform, policy"),
        ({"prior": "flat"}, "prior is 'flat'"),
        ({"clip": "hard"}, "clip is 'hard'"),
        ({"reduction": "avg"}, "reduction is 'avg'"),
    ],
)
def test_wrong_options_get_one_sentence(options: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        network_loss(**options)


@pytest.mark.parametrize("proposal", ["uniform", "policy"])
def test_a_restored_one_goes_on_to_the_bit(proposal: str) -> None:
    batches = [random_batch() for _ in range(6)]
    loss, restored = network_loss(proposal=proposal), network_loss(proposal=proposal, alpha=0.3, gamma=0.5)
    learner, other = (Learner(x, actor_lr=1e-2, critic_lr=1e-2, polyak=0.5) for x in (loss, restored))
    for batch in batches[:3]:
        learner.step(batch.clone())
    restored.load_state_dict(loss.state_dict())
    other.load_state_dict(copy.deepcopy(learner.state_dict()))
    state = torch.get_rng_state()
    expected = [learner.step(batch.clone()) for batch in batches[3:]]
    torch.set_rng_state(state)
    for batch, numbers in zip(batches[3:], expected, strict=True):
        found = other.step(batch.clone())
        assert all(torch.equal(found[key], numbers[key]) for key in numbers)


def test_a_sampler_without_the_action_before_tanh_is_refused() -> None:
    plain = TensorDictSequential(Noise(2, like="observation"), TensorDictModule(nn.Linear(2, 2), ["noise"], ["action"]))
    qvalue = TensorDictModule(Scaled(), ["observation", "action"], ["state_action_value"])
    with pytest.raises(UsageError, match="has no 'raw_action'"):
        SoftQLoss(plain, qvalue, alpha=0.1, gamma=0.9)(transition())


def test_a_task_of_one_state_is_learned_to_its_fixed_point() -> None:
    # Q = -1 + γ (Q + α d ln 2)
    loss = flat_loss(value_samples=2, particles=2)
    learner = Learner(loss, actor_lr=0.0, critic_lr=0.1, polyak=0.5)
    batch = transition(next_s=1.0)
    batch["observation"] = torch.ones(1, 1)
    for _ in range(150):
        q = learner.step(batch)["q_mean"].item()
    assert q == pytest.approx((-1 + 0.5 * 0.5 * 2 * math.log(2)) / (1 - 0.5), abs=0.01)


def test_prioritised_replay_with_hindsight_goes_with_it() -> None:
    storage = LazyTensorStorage(100)
    relabel = HindsightRelabel(lambda achieved, desired: -(achieved != desired).any(-1, keepdim=True).float(), storage)
    buffer = TensorDictPrioritizedReplayBuffer(
        alpha=0.6, beta=0.4, storage=storage, transform=relabel, batch_size=16, priority_key="td_error"
    )
    steps = random_batch(40)
    steps["next", "achieved_goal"] = torch.randn(40, 3)
    steps["next", "done"] = (torch.arange(40) % 10 == 9).unsqueeze(-1)
    buffer.extend(steps)
    learner = Learner(network_loss(clip="soft"), actor_lr=1e-3, critic_lr=1e-3, polyak=0.9)
    for _ in range(3):
        batch = buffer.sample()
        learner.step(batch)
        buffer.update_tensordict_priority(batch)
    assert batch["td_error"].shape == batch["priority_weight"].shape == (16,)
