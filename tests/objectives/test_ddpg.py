"""The baselines' loss: numbers worked by hand, and what each gradient reaches."""

import pytest
import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.objectives import SoftUpdate, ValueEstimators
from torchrl.objectives.value import TD0Estimator

from sher_rl import GoalDims, Learner, MultiGoalDDPGLoss, UsageError, make_ddpg_networks

DIMS = GoalDims(observation=5, goal=3, action=2)


class Line(nn.Module):
    """The weighted sum of its inputs' sums."""

    def __init__(self, *weights: float) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights))

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return sum(w * x.sum(-1, keepdim=True) for w, x in zip(self.weights, inputs, strict=True))


def linear_loss(**options) -> MultiGoalDDPGLoss:
    """π(s, g) = (s + g) / 10; Q(s, a, g) = s + 2 g + 5 a."""
    state = ["observation", "desired_goal"]
    actor = TensorDictModule(Line(0.1, 0.1), state, ["action"])
    qvalue = TensorDictModule(Line(1.0, 2.0, 5.0), [*state, "action"], ["state_action_value"])
    return MultiGoalDDPGLoss(actor, qvalue, **({"gamma": 0.9, "action_l2": 1.0} | options))


def transition(s: float, g: float, a: float, r: float, next_s: float, terminated: bool = False) -> TensorDict:
    def column(value: float) -> torch.Tensor:
        return torch.tensor([[value]])

    end = torch.tensor([[terminated]])
    following = {"observation": column(next_s), "desired_goal": column(g), "reward": column(r)}
    following |= {"done": end, "terminated": end}
    row = {"observation": column(s), "desired_goal": column(g), "action": column(a), "next": following}
    return TensorDict(row, [1])


def test_numbers_by_hand() -> None:
    # s' = -4, g = 1: π' = -0.3, Q' = -4 + 2 - 1.5 = -3.5, y = -1 - 0.9 * 3.5 = -4.15
    # s = -2, a = 0.5: Q = -2 + 2 + 2.5 = 2.5, so the error is 6.65
    # π = -0.1, Q(s, π) = -2 + 2 - 0.5 = -0.5, so the policy's loss is 0.5 + 0.01
    batch = transition(s=-2.0, g=1.0, a=0.5, r=-1.0, next_s=-4.0)
    losses = linear_loss()(batch)
    assert losses["loss_qvalue"].item() == pytest.approx(6.65**2, rel=1e-5)
    assert losses["loss_actor"].item() == pytest.approx(0.51, rel=1e-5)
    assert batch["td_error"].tolist() == pytest.approx([6.65], rel=1e-5)
    assert [losses[key].item() for key in ("q_mean", "q_min", "q_max")] == [2.5] * 3


@pytest.mark.parametrize(
    ("next_s", "terminated", "target"),
    [
        (30.0, False, 0.0),  # Q' > 0: clipped to the best return
        (-300.0, False, -10.0),  # and to the worst, -1 / (1 - γ)
        (-4.0, True, -1.0),  # no bootstrap
    ],
)
def test_the_target_stays_within_the_returns(next_s: float, terminated: bool, target: float) -> None:
    batch = transition(s=-2.0, g=1.0, a=0.5, r=-1.0, next_s=next_s, terminated=terminated)
    linear_loss()(batch)
    assert batch["td_error"].item() == pytest.approx(2.5 - target)


def test_the_penalty_is_a_mean_over_dimensions() -> None:
    state = ["observation", "desired_goal"]
    actor = TensorDictModule(lambda s, g: torch.cat((s, g), -1), state, ["action"])
    qvalue = TensorDictModule(Line(0.0, 0.0, 0.0), [*state, "action"], ["state_action_value"])
    loss = MultiGoalDDPGLoss(actor, qvalue, gamma=0.9, action_l2=3.0)
    assert loss(transition(s=0.4, g=0.2, a=0.0, r=0.0, next_s=0.0))["loss_actor"].item() == pytest.approx(0.3)


def random_batch(rows: int = 16) -> TensorDict:
    def state() -> dict[str, torch.Tensor]:
        return {"observation": torch.randn(rows, 5), "desired_goal": torch.randn(rows, 3)}

    ends = {key: torch.rand(rows, 1) < 0.2 for key in ("done", "terminated")}
    following = state() | ends | {"reward": -torch.ones(rows, 1)}
    return TensorDict({**state(), "action": torch.rand(rows, 2) * 2 - 1, "next": following}, [rows])


def network_loss() -> MultiGoalDDPGLoss:
    return MultiGoalDDPGLoss(*make_ddpg_networks(DIMS, (16,)), gamma=0.9, action_l2=1.0)


@pytest.mark.parametrize(
    ("key", "reached"), [("loss_actor", "actor_network_params"), ("loss_qvalue", "value_network_params")]
)
def test_each_loss_reaches_its_own_network_alone(key: str, reached: str) -> None:
    loss = network_loss()
    loss(random_batch())[key].backward()
    for name, parameter in loss.named_parameters():
        assert (parameter.grad is not None and bool(parameter.grad.any())) == name.startswith(reached), name


def test_priority_weights_correct_the_critic_alone() -> None:
    loss, batch = network_loss(), random_batch()
    plain = loss(batch)
    batch["priority_weight"] = weight = torch.rand(16)
    weighted = loss(batch)
    expected = (weight * batch["td_error"].square()).sum() / weight.sum()
    torch.testing.assert_close(weighted["loss_qvalue"].detach(), expected)
    torch.testing.assert_close(weighted["loss_actor"], plain["loss_actor"])


def test_a_step_changes_the_weights_and_targets_move_when_told() -> None:
    loss = network_loss()
    learner = Learner(loss, actor_lr=1e-2, critic_lr=1e-2, polyak=0.5, target_every=3)
    target = [p.clone() for p in loss.target_value_network_params.flatten_keys().values()]
    for step in range(1, 4):
        statistics = learner.step(random_batch())
        moved = [
            not torch.equal(p, q)
            for p, q in zip(loss.target_value_network_params.flatten_keys().values(), target, strict=True)
        ]
        assert all(moved) if step == 3 else not any(moved)
    assert set(statistics) == {*loss.out_keys, "grad_norm"}
    assert not any(value.requires_grad for value in statistics.values())
    main = loss.value_network_params.flatten_keys().values()
    for p, q, before in zip(loss.target_value_network_params.flatten_keys().values(), main, target, strict=True):
        torch.testing.assert_close(p, 0.5 * before + 0.5 * q.detach())


@pytest.mark.parametrize("estimator", [ValueEstimators.TD0, ValueEstimators.TD1, ValueEstimators.TDLambda])
def test_it_takes_the_estimators_of_its_parent_and_clips_what_they_give(estimator: ValueEstimators) -> None:
    loss = network_loss()
    SoftUpdate(loss, eps=0.9)
    assert loss.make_value_estimator(estimator, gamma=0.5) is loss
    batch = random_batch(16).reshape(2, 8)
    batch["next", "reward"] = torch.full((2, 8, 1), -50.0)
    _, found = loss.loss_value(batch)
    assert found["target_value"].shape == (2, 8)
    assert (found["target_value"] == -2.0).all()  # -1 / (1 - γ)


def test_an_estimator_made_elsewhere_is_taken() -> None:
    loss = network_loss()
    SoftUpdate(loss, eps=0.9)
    estimator = TD0Estimator(gamma=0.25, value_network=loss.actor_critic)
    estimator.set_keys(value="state_action_value")
    assert loss.make_value_estimator(estimator).value_estimator is estimator
    assert loss.gamma.item() == 0.25


@pytest.mark.parametrize("estimator", [ValueEstimators.GAE, ValueEstimators.VTrace])
def test_estimators_of_advantages_are_refused(estimator: ValueEstimators) -> None:
    with pytest.raises(NotImplementedError):
        network_loss().make_value_estimator(estimator)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"gamma": 1.0}, "gamma is 1.0"), ({"gamma": -0.1}, "gamma is -0.1"), ({"action_l2": -1.0}, "action_l2 is -1.0")],
)
def test_wrong_numbers_get_one_sentence(options: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        linear_loss(**options)
