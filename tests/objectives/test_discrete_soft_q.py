"""Numbers worked by hand, and what TorchRL's DQN loss gives where the two agree."""

import copy
import math

import pytest
import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torchrl.data import OneHot
from torchrl.modules import QValueActor
from torchrl.objectives import DQNLoss, SoftUpdate, ValueEstimators

from sher_rl import DiscreteSoftQLoss, Learner, UsageError

LN3 = math.log(3)


def table_loss(**options) -> DiscreteSoftQLoss:
    """Q(s, a) = the observation's entry a, of a network that is one matrix."""
    layer = torch.nn.Linear(2, 2, bias=False)
    torch.nn.init.eye_(layer.weight)
    qvalue = TensorDictModule(layer, ["observation"], ["action_value"])
    loss = DiscreteSoftQLoss(qvalue, **({"alpha": 1.0, "gamma": 0.5, "action_space": "categorical"} | options))
    SoftUpdate(loss, eps=0.9)
    return loss


def transition(terminated: bool = False, reward: float = -1.0, following: tuple = (0.0, LN3)) -> TensorDict:
    end = torch.tensor([[terminated]])
    after = {"observation": torch.tensor([following]), "reward": torch.tensor([[reward]])}
    after |= {"done": end, "terminated": end}
    return TensorDict({"observation": torch.tensor([[2.0, 5.0]]), "action": torch.tensor([1]), "next": after}, [1])


@pytest.mark.parametrize(
    ("options", "terminated", "target"),
    [
        ({}, False, -1 + 0.5 * math.log(4)),  # V = ln(1 + 3)
        ({"prior": "uniform"}, False, -1 + 0.5 * math.log(2)),
        ({"alpha": 0.5}, False, -1 + 0.25 * math.log(10)),  # e^0 + e^(2 ln 3)
        ({}, True, -1.0),
    ],
)
def test_numbers_by_hand(options: dict, terminated: bool, target: float) -> None:
    batch = transition(terminated)
    losses = table_loss(**options)(batch)
    assert losses["loss"].item() == pytest.approx((5 - target) ** 2)
    assert batch["td_error"].tolist() == pytest.approx([5 - target])
    assert [losses[key].item() for key in ("q_mean", "q_min", "q_max")] == [5.0] * 3


def test_statistics_by_hand() -> None:
    losses = table_loss(prior="uniform")(transition())
    p = 1 / (1 + math.exp(3))
    assert losses["entropy"].item() == pytest.approx(-p * math.log(p) - (1 - p) * math.log(1 - p), rel=1e-4)
    assert losses["v_mean"].item() == pytest.approx(math.log((math.exp(2) + math.exp(5)) / 2))
    assert losses["alpha"].item() == 1.0


@pytest.mark.parametrize(
    ("prior", "following", "target"),
    [("none", (90.0, 0.0), math.log(2)), ("uniform", (90.0, 0.0), 0.0), ("none", (-90.0, -90.0), -2.0)],
)
def test_targets_stay_within_optimal_soft_values(prior: str, following: tuple, target: float) -> None:
    batch = transition(following=following)
    table_loss(prior=prior, clip="soft")(batch)
    assert batch["td_error"].item() == pytest.approx(5 - target)


def random_batch(rows: int = 16, one_hot: bool = False) -> TensorDict:
    ends = {key: torch.rand(rows, 1) < 0.3 for key in ("done", "terminated")}
    after = {"observation": torch.randn(rows, 2), "reward": -torch.rand(rows, 1), **ends}
    action = torch.randint(2, (rows,))
    action = torch.nn.functional.one_hot(action, 2) if one_hot else action
    return TensorDict({"observation": torch.randn(rows, 2), "action": action, "next": after}, [rows])


def test_without_temperature_it_is_dqn() -> None:
    network = torch.nn.Linear(2, 2)
    dqn = DQNLoss(QValueActor(network, in_keys=["observation"], spec=OneHot(2)), action_space="one-hot")
    dqn.make_value_estimator(gamma=0.5)
    SoftUpdate(dqn, eps=0.9)
    qvalue = TensorDictModule(network, ["observation"], ["action_value"])
    soft = DiscreteSoftQLoss(qvalue, alpha=1e-6, gamma=0.5, action_space="one-hot")
    SoftUpdate(soft, eps=0.9)
    batch = random_batch(one_hot=True)
    torch.testing.assert_close(soft(batch.clone())["loss"], dqn(batch)["loss"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(16,), (16, 1)])
def test_actions_of_both_shapes_and_a_q_value_actor(shape: tuple) -> None:
    actor = QValueActor(torch.nn.Linear(2, 2), in_keys=["observation"], action_space="categorical")
    loss = DiscreteSoftQLoss(actor, alpha=0.1, gamma=0.5, action_space="categorical")
    SoftUpdate(loss, eps=0.9)
    batch = random_batch()
    expected = loss(batch.clone())
    batch["action"] = batch["action"].reshape(shape)
    torch.testing.assert_close(loss(batch)["loss"], expected["loss"])
    assert batch["td_error"].shape == (16,)


def test_priority_weights_make_a_weighted_mean() -> None:
    loss, batch = table_loss(), random_batch()
    loss(batch)
    batch["priority_weight"] = weight = torch.rand(16)
    expected = (weight * batch["td_error"].square()).sum() / weight.sum()
    torch.testing.assert_close(loss(batch)["loss"].detach(), expected)


def test_a_step_learns_and_targets_move() -> None:
    loss = table_loss()
    learner = Learner(loss, actor_lr=1e-2, critic_lr=1e-2, polyak=0.5)
    before = loss.target_value_network_params["module", "weight"].clone()
    statistics = learner.step(random_batch())
    assert set(statistics) == {*loss.out_keys, "grad_norm"}
    after, target = (
        params["module", "weight"].detach() for params in (loss.value_network_params, loss.target_value_network_params)
    )
    assert not torch.equal(after, before)
    torch.testing.assert_close(target, 0.5 * before + 0.5 * after)


def test_soft_q_iteration_by_gradient_finds_the_fixed_point() -> None:
    """A ring of three states, two directions: Q learned from its transitions is that of iteration."""
    torch.manual_seed(0)
    state = torch.eye(3).repeat_interleave(2, 0)
    action = torch.arange(2).repeat(3)
    following = torch.tensor([1, 2, 2, 0, 0, 1])
    reward = torch.tensor([-1.0, -1.0, -1.0, 0.0, -1.0, -1.0])
    ends = {key: torch.zeros(6, 1, dtype=torch.bool) for key in ("done", "terminated")}
    after = {"observation": torch.eye(3)[following], "reward": reward.unsqueeze(-1), **ends}
    batch = TensorDict({"observation": state, "action": action, "next": after}, [6])
    layer = torch.nn.Linear(3, 2, bias=False)
    qvalue = TensorDictModule(layer, ["observation"], ["action_value"])
    loss = DiscreteSoftQLoss(qvalue, alpha=0.3, gamma=0.8, action_space="categorical")
    learner = Learner(loss, actor_lr=0.0, critic_lr=0.05, polyak=0.5)
    for _ in range(400):
        learner.step(batch)
    q = torch.zeros(6)
    for _ in range(200):
        value = 0.3 * (q.reshape(3, 2) / 0.3).logsumexp(-1)
        q = reward + 0.8 * value[following]
    torch.testing.assert_close(layer.weight.T.flatten().detach(), q, rtol=0, atol=0.01)


def test_temperature_and_discount_can_be_annealed() -> None:
    loss = table_loss()
    loss.alpha, loss.gamma = 0.5, 0.25
    assert loss(transition())["alpha"].item() == 0.5
    assert loss.value_estimator.gamma.item() == 0.25
    with pytest.raises(UsageError, match="alpha is"):
        loss.alpha = 0.0
    assert loss.alpha.item() == 0.5


@pytest.mark.parametrize("estimator", [ValueEstimators.TD1, ValueEstimators.TDLambda, ValueEstimators.GAE])
def test_only_td0_has_the_entropy(estimator: ValueEstimators) -> None:
    with pytest.raises(NotImplementedError, match="TD0"):
        table_loss().make_value_estimator(estimator)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"alpha": 0.0}, "alpha is 0.0; use a number above 0"),
        ({"gamma": 1.0}, "gamma is 1.0"),
        ({"prior": "flat"}, "prior is 'flat'; use one of none, uniform"),
        ({"clip": "hard"}, "clip is 'hard'; use one of none, soft"),
        ({"reduction": "avg"}, "reduction is 'avg'"),
        ({"action_space": "binary"}, "action_space is 'binary'"),
    ],
)
def test_wrong_options_get_one_sentence(options: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        table_loss(**options)


def test_a_restored_one_goes_on_to_the_bit() -> None:
    torch.manual_seed(0)
    batches = [random_batch() for _ in range(6)]
    loss, restored = table_loss(), table_loss(alpha=0.3, gamma=0.9)
    learner, other = (Learner(x, actor_lr=1e-2, critic_lr=1e-2, polyak=0.5) for x in (loss, restored))
    for batch in batches[:3]:
        learner.step(batch.clone())
    restored.load_state_dict(loss.state_dict())
    other.load_state_dict(copy.deepcopy(learner.state_dict()))
    for batch in batches[3:]:
        expected, found = learner.step(batch.clone()), other.step(batch.clone())
        assert all(torch.equal(found[key], expected[key]) for key in expected)
