"""The loss as a TorchRL loss: the properties that TorchRL's own are held to."""

import copy
import warnings

import pytest
import torch
from tensordict import TensorDict
from torchrl.objectives import SoftUpdate, ValueEstimators

from sher_rl import GoalDims, SoftMultiGoalLoss, UsageError, make_networks

DIMS = GoalDims(observation=5, goal=3, action=2)
LOSSES = {"actor": "loss_actor", "qvalue": "loss_qvalue", "value": "loss_value"}


def make_loss(**options) -> SoftMultiGoalLoss:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (16, 16)), **({"alpha": 0.1, "gamma": 0.9} | options))
    SoftUpdate(loss, eps=0.9)
    return loss


def random_batch(rows: int = 7) -> TensorDict:
    def state() -> dict[str, torch.Tensor]:
        return {"observation": torch.randn(rows, 5), "desired_goal": torch.randn(rows, 3)}

    following = state() | {"reward": -torch.rand(rows, 1).round(), "terminated": torch.rand(rows, 1) < 0.3}
    return TensorDict({**state(), "action": torch.rand(rows, 2) * 2 - 1, "next": following}, [rows])


def total(losses: TensorDict) -> torch.Tensor:
    return sum(value for key, value in losses.items() if key.startswith("loss_"))


def test_input_is_left_as_it_was_but_for_the_priority() -> None:
    batch = random_batch()
    before = batch.clone()
    make_loss()(batch)
    assert not batch["td_error"].requires_grad
    assert batch["td_error"].shape == (7,)
    assert (batch.exclude("td_error") == before).all()


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_reaches_its_own_network_alone(name: str) -> None:
    loss = make_loss()
    loss(random_batch())[LOSSES[name]].backward()
    for parameter_name, parameter in loss.named_parameters():
        reached = parameter.grad is not None and bool((parameter.grad != 0).any())
        assert reached == parameter_name.startswith(f"{name}_network"), parameter_name


def test_the_sum_reaches_every_parameter_and_no_target() -> None:
    loss = make_loss(target_entropy="auto")
    total(loss(random_batch(64))).backward()
    assert all((parameter.grad != 0).any() for parameter in loss.parameters())
    assert not any(target.requires_grad for target in loss.target_value_network_params.values(True, True))


def test_every_q_sees_the_whole_batch() -> None:
    batch = random_batch(5)  # an odd batch cannot be split between the two
    loss = make_loss()
    loss(batch)["loss_qvalue"].backward()
    bias = loss.qvalue_network_params["module", "4", "bias"].grad
    assert bias.shape == (2, 1)
    assert (bias != 0).all()


def test_q_networks_start_different_and_a_list_of_them_is_kept() -> None:
    weight = make_loss().qvalue_network_params["module", "0", "weight"]
    assert not torch.equal(weight[0], weight[1])
    actor, q, v = make_networks(DIMS, (16,))
    listed = SoftMultiGoalLoss(actor, [q, copy.deepcopy(q), copy.deepcopy(q)], v, alpha=0.1, gamma=0.9)
    weights = listed.qvalue_network_params["module", "0", "weight"]
    assert weights.shape[0] == 3
    assert torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_reductions(reduction: str) -> None:
    by_row = make_loss(reduction="none")
    loss = make_loss(reduction=reduction)
    loss.load_state_dict(by_row.state_dict())
    batch = random_batch()
    torch.manual_seed(1)
    rows = by_row(batch.clone())
    torch.manual_seed(1)
    losses = loss(batch.clone())
    for key in LOSSES.values():
        expected = rows[key] if reduction == "none" else getattr(rows[key], reduction)()
        torch.testing.assert_close(losses[key], expected)
    assert set(losses.keys()) == set(loss.out_keys)


def test_importance_weights_weigh_the_regressions_only() -> None:
    loss, batch = make_loss(reduction="sum"), random_batch()
    torch.manual_seed(1)
    plain = loss(batch.clone())
    batch["priority_weight"] = torch.full((7,), 0.5)
    torch.manual_seed(1)
    weighted = loss(batch)
    for key in ("loss_qvalue", "loss_value"):
        torch.testing.assert_close(weighted[key], 0.5 * plain[key])
    torch.testing.assert_close(weighted["loss_actor"], plain["loss_actor"])


def test_keywords_instead_of_a_tensordict() -> None:
    loss, batch = make_loss(), random_batch()
    torch.manual_seed(1)
    expected = loss(batch.clone())
    arguments = {key if isinstance(key, str) else "_".join(key): batch[key] for key in loss.in_keys}
    torch.manual_seed(1)
    values = loss(**arguments)
    for key, value in zip(loss.out_keys, values, strict=True):
        torch.testing.assert_close(value, expected[key])
    loss.select_out_keys("loss_actor", "loss_value")
    torch.manual_seed(1)
    actor, value = loss(**arguments)
    torch.testing.assert_close(actor, expected["loss_actor"])
    torch.testing.assert_close(value, expected["loss_value"])


def test_renamed_and_nested_keys() -> None:
    loss, batch = make_loss(), random_batch()
    torch.manual_seed(1)
    expected = loss(batch.clone())
    batch["next", "agent", "r"] = batch["next"].pop("reward")
    batch["next", "over"] = batch["next"].pop("terminated")
    loss.set_keys(reward=("agent", "r"), terminated="over", priority=("agent", "error"))
    torch.manual_seed(1)
    torch.testing.assert_close(loss(batch)["loss_qvalue"], expected["loss_qvalue"])
    assert batch["agent", "error"].shape == (7,)
    assert ("next", "agent", "r") in loss.in_keys
    with pytest.raises(ValueError, match="not an accepted tensordict key"):
        loss.set_keys(goal="x")


def test_loop_and_vmap_agree() -> None:
    loss = make_loss()
    loop = make_loss(deactivate_vmap=True)
    loop.load_state_dict(loss.state_dict())
    batch = random_batch()
    torch.manual_seed(1)
    expected = loss(batch.clone())
    torch.manual_seed(1)
    torch.testing.assert_close(total(loop(batch)), total(expected))


def test_state_dict_round_trip() -> None:
    loss, other, batch = make_loss(target_entropy=-1.0), make_loss(target_entropy=-1.0, alpha=0.3), random_batch()
    other.load_state_dict(loss.state_dict())
    torch.manual_seed(1)
    expected = loss(batch.clone())
    torch.manual_seed(1)
    assert (other(batch) == expected).all()
    assert other.alpha == loss.alpha


def test_parameters_are_unique_and_shared_with_the_actor() -> None:
    actor, q, v = make_networks(DIMS, (16,))
    loss = SoftMultiGoalLoss(actor, q, v, alpha=0.1, gamma=0.9)
    parameters = list(loss.parameters())
    assert len({id(parameter) for parameter in parameters}) == len(parameters)
    assert {id(parameter) for parameter in actor.parameters()} <= {id(parameter) for parameter in parameters}


def test_reset_parameters() -> None:
    loss = make_loss()
    before = loss.actor_network_params.clone()
    loss.reset_parameters_recursive()
    assert (loss.actor_network_params != before).any()


def test_a_missing_target_updater_is_warned_about() -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (8,)), alpha=0.1, gamma=0.9)
    with pytest.warns(UserWarning, match="No target network updater"):
        loss(random_batch())
    SoftUpdate(loss, eps=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss(random_batch())


@pytest.mark.parametrize("estimator", list(ValueEstimators))
def test_only_td0_is_algorithm_1(estimator: ValueEstimators) -> None:
    loss = make_loss()
    if estimator is ValueEstimators.TD0:
        assert loss.make_value_estimator(estimator, gamma=0.5).gamma == 0.5
        return
    with pytest.raises(NotImplementedError, match="TD0"):
        loss.make_value_estimator(estimator)


def test_alpha_and_gamma_can_be_annealed() -> None:
    loss = make_loss(clip="hard")
    loss.alpha, loss.gamma = 0.025, 0.5
    assert loss.alpha.item() == pytest.approx(0.025)
    assert loss(random_batch())["alpha"].item() == pytest.approx(0.025)
    assert loss.gamma.item() == 0.5


def test_alpha_zero_is_plain_multi_goal_actor_critic() -> None:
    loss = make_loss(alpha=0.0)
    assert loss.alpha.item() == 0.0
    assert total(loss(random_batch())).isfinite()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"alpha": -0.1}, "alpha is -0.1"),
        ({"alpha": float("nan")}, "alpha is nan"),
        ({"alpha": 0.0, "target_entropy": "auto"}, "above 0 with a target_entropy"),
        ({"gamma": 1.0}, "gamma is 1.0"),
        ({"clip": "sof"}, "clip is 'sof'; use one of none, hard, hard_q, soft"),
        ({"actor_q": "q2"}, "actor_q is 'q2'"),
        ({"reduction": "avg"}, "reduction is 'avg'"),
        ({"target_entropy": "automatic"}, "target_entropy is 'automatic'"),
    ],
)
def test_wrong_options_get_one_sentence(options: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make_loss(**options)


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_temperature_out_of_range_is_refused_when_it_is_set(value: float) -> None:
    loss = make_loss()
    with pytest.raises(UsageError, match="alpha is"):
        loss.alpha = value
    assert loss.alpha.item() == pytest.approx(0.1)
    learned = make_loss(target_entropy="auto")
    with pytest.raises(UsageError, match="above 0 with a target_entropy"):
        learned.alpha = 0.0


def test_its_value_estimator_gives_the_target_of_q_before_it_is_clipped() -> None:
    loss, batch = make_loss(gamma=0.5), random_batch()
    loss.set_keys(reward="r")
    batch["next", "r"] = batch["next"].pop("reward")
    loss(batch)
    target = loss.value_estimator.value_estimate(batch, target_params=loss.target_value_network_params)
    q = loss._q(batch, loss.qvalue_network_params)
    torch.testing.assert_close((q - target.squeeze(-1)).abs().mean(0), batch["td_error"])
