"""What the written-out gradients are not of is refused: by structure, or by autograd on the first batch."""

from collections.abc import Callable

import pytest
import torch
from helpers.batches import DIMS, random_batch
from tensordict import TensorDictBase
from tensordict.nn import TensorDictModule
from torch import Tensor, nn
from torchrl.modules import MLP, ProbabilisticActor, TanhNormal
from torchrl.objectives import ValueEstimators

from sher_rl import (
    FusedLearner,
    MultiGoalDDPGLoss,
    SoftMultiGoalLoss,
    TwoStreamCritic,
    UsageError,
    make_ddpg_networks,
    make_networks,
)
from sher_rl.modules.critics import TWO_STREAM_Q, DotProduct, Reads
from sher_rl.modules.networks import GaussianNet

RATES = {"actor_lr": 1e-3, "critic_lr": 1e-3, "polyak": 0.9, "compile": False}
STATE = ["observation", "desired_goal"]


def soft_loss(actor=None, qvalue=None, value=None, **options) -> SoftMultiGoalLoss:
    made = make_networks(DIMS, (16, 16))
    networks = [given or own for given, own in zip((actor, qvalue, value), made, strict=True)]
    return SoftMultiGoalLoss(*networks, **({"alpha": 0.1, "gamma": 0.9} | options))


def ddpg_loss(actor=None, qvalue=None) -> MultiGoalDDPGLoss:
    made = make_ddpg_networks(DIMS, (16, 16))
    return MultiGoalDDPGLoss(actor or made[0], qvalue or made[1], gamma=0.9, action_l2=1.0)


def qvalue(net: nn.Module, *in_keys: str) -> TensorDictModule:
    return TensorDictModule(net, list(in_keys) or [*STATE, "action"], ["state_action_value"])


def mlp(inputs: int, **options) -> MLP:
    return MLP(inputs, 1, num_cells=[16, 16], **({"activation_class": nn.ReLU} | options))


@pytest.mark.parametrize("make_loss", [soft_loss, ddpg_loss])
@pytest.mark.parametrize(
    ("network", "found"),
    [
        (lambda: qvalue(mlp(11, activation_class=nn.Tanh)), "Tanh"),
        (lambda: qvalue(mlp(11, dropout=0.5)), "Dropout"),
        (lambda: qvalue(mlp(11, bias_last_layer=False)), "without a bias"),
        (lambda: qvalue(mlp(11), "action", *STATE), r"reads \['action', 'observation', 'desired_goal'\]"),
        (lambda: qvalue(nn.Sequential(mlp(11))), "Sequential"),
    ],
)
def test_a_critic_of_another_structure_is_refused(make_loss: Callable, network: Callable, found: str) -> None:
    with pytest.raises(UsageError, match=rf"loss\.\w*value_network .*{found}.*; use sher_rl.Learner"):
        FusedLearner(make_loss(qvalue=network()), **RATES)


class Summed(nn.Module):
    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return (first + second).sum(-1, keepdim=True)


class OfLess(TwoStreamCritic):
    def forward(self, *inputs: Tensor) -> Tensor:
        return super().forward(*inputs) - 1


@pytest.mark.parametrize(
    ("net", "found"),
    [
        (lambda: TwoStreamCritic(DIMS, TWO_STREAM_Q, (16,), 4, Summed()), "is a Summed"),
        (
            lambda: TwoStreamCritic(DIMS, TWO_STREAM_Q, (16,), 4, mlp(8, activation_class=nn.Tanh)),
            "has the layers .*Tanh",
        ),
        (lambda: TwoStreamCritic(DIMS, Reads(*TWO_STREAM_Q[::-1]), (16,), 4, DotProduct()), "has streams that read"),
        (lambda: OfLess(DIMS, TWO_STREAM_Q, (16,), 4, DotProduct()), "is a OfLess"),
    ],
)
def test_two_streams_of_another_structure_are_refused(net: Callable, found: str) -> None:
    with pytest.raises(UsageError, match=rf"loss\.qvalue_network {found}.*; use sher_rl.Learner"):
        FusedLearner(soft_loss(qvalue=qvalue(net())), **RATES)


def test_a_hook_on_a_stream_fails_on_the_first_batch() -> None:
    critic = TwoStreamCritic(DIMS, TWO_STREAM_Q, (16,), 4, DotProduct())
    critic.streams[1].register_forward_hook(lambda module, inputs, output: 2 * output)
    with pytest.raises(UsageError, match=r"loss computes .*, the written-out gradients .*; use sher_rl.Learner"):
        FusedLearner(soft_loss(qvalue=qvalue(critic)), **RATES).step(random_batch(8))


def test_a_value_network_with_its_inputs_swapped_is_refused() -> None:
    value = TensorDictModule(mlp(9), STATE[::-1], ["state_value"])
    with pytest.raises(UsageError, match=r"loss.value_network reads \['desired_goal', 'observation'\]"):
        FusedLearner(soft_loss(value=value), **RATES)


class BoundedNet(GaussianNet):
    def forward(self, observation: Tensor, desired_goal: Tensor) -> tuple[Tensor, Tensor]:
        loc, scale = super().forward(observation, desired_goal)
        return loc.tanh(), scale


@pytest.mark.parametrize(
    ("net", "options", "found"),
    [(BoundedNet, {}, "BoundedNet"), (GaussianNet, {"low": -2.0, "high": 2.0}, "low, high")],
)
def test_a_policy_of_another_structure_is_refused(net: type[GaussianNet], options: dict, found: str) -> None:
    actor = ProbabilisticActor(
        TensorDictModule(net(DIMS, (16, 16)), STATE, ["loc", "scale"]),
        in_keys=["loc", "scale"],
        distribution_class=TanhNormal,
        distribution_kwargs=options,
    )
    with pytest.raises(UsageError, match=rf"loss.actor_network .*{found}.*; use sher_rl.Learner"):
        FusedLearner(soft_loss(actor=actor), **RATES)


def test_a_deterministic_policy_of_another_structure_is_refused() -> None:
    actor = TensorDictModule(MLP(9, 2, num_cells=[16, 16], activation_class=nn.ReLU), STATE, ["action"])
    with pytest.raises(UsageError, match=r"loss.actor_network .* MLP"):
        FusedLearner(ddpg_loss(actor=actor), **RATES)


def test_a_subclass_of_a_loss_is_refused_as_it_may_compute_anything() -> None:
    class Shifted(SoftMultiGoalLoss):
        def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
            return super().forward(tensordict) + 100

    with pytest.raises(UsageError, match=r"loss is a Shifted, .* use sher_rl.Learner"):
        FusedLearner(Shifted(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9), **RATES)


def test_options_that_torchrl_keeps_beside_the_constructor_are_refused() -> None:
    for name, value in (("loss_mask_key", "valid"), ("use_prioritized_weights", False)):
        loss = soft_loss()
        setattr(loss, name, value)
        with pytest.raises(UsageError, match=f"loss has {name} {value!r}"):
            FusedLearner(loss, **RATES)
    loss = ddpg_loss()
    loss.loss_function = "smooth_l1"
    with pytest.raises(UsageError, match="loss has loss_function 'smooth_l1'"):
        FusedLearner(loss, **RATES)


def test_a_batch_with_a_mask_is_refused() -> None:
    batch = random_batch(8).set(("collector", "mask"), torch.ones(8, 1, dtype=torch.bool))
    with pytest.raises(UsageError, match=r"\('collector', 'mask'\)"):
        FusedLearner(soft_loss(), **RATES).step(batch)


@pytest.mark.parametrize("make_loss", [soft_loss, ddpg_loss])
def test_what_the_structure_does_not_show_fails_on_the_first_batch(make_loss: Callable) -> None:
    doubled = mlp(11)
    doubled.register_forward_hook(lambda module, inputs, output: 2 * output)
    loss = make_loss(qvalue=qvalue(doubled))
    before = {name: value.clone() for name, value in loss.state_dict().items()}
    with pytest.raises(UsageError, match=r"loss computes .*, the written-out gradients .*; use sher_rl.Learner"):
        FusedLearner(loss, **RATES).step(random_batch(8))
    assert all(torch.equal(value, before[name]) for name, value in loss.state_dict().items())


@pytest.mark.parametrize("make_loss", [soft_loss, ddpg_loss])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_check_draws_nothing_and_leaves_the_batch_alone(make_loss: Callable, dtype: torch.dtype) -> None:
    checked, batch = FusedLearner(make_loss(), **RATES, dtype=dtype), random_batch(8)
    keys = set(batch.keys(True))
    torch.manual_seed(1)
    checked.step(batch)
    after = torch.rand(1)
    torch.manual_seed(1)
    checked.step(batch)
    assert torch.equal(torch.rand(1), after)
    assert set(batch.keys(True)) == keys | {"td_error"}


def test_a_first_batch_with_nan_is_not_held_against_the_loss() -> None:
    learner, batch = FusedLearner(soft_loss(), **RATES), random_batch(8)
    batch["next", "reward"][0] = torch.nan
    assert learner.step(batch)["loss_qvalue"].isnan()
    assert learner.steps == 0
    learner.step(random_batch(8))
    assert learner.steps == 1


def test_another_estimator_is_refused_before_and_after() -> None:
    loss = ddpg_loss()
    learner = FusedLearner(loss, **RATES)
    learner.step(random_batch(8))
    loss.make_value_estimator(ValueEstimators.TDLambda)
    for attempt in (lambda: learner.step(random_batch(8)), lambda: FusedLearner(loss, **RATES)):
        with pytest.raises(UsageError, match=r"loss\.value_estimator is a TDLambdaEstimator"):
            attempt()
