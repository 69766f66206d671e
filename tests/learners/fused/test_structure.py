"""Networks that the written-out gradients are not of are refused by what they are made of."""

from collections.abc import Callable

import pytest
from helpers.batches import DIMS
from helpers.losses import RATES, STATE, ddpg_loss, mlp, qvalue, soft_loss
from tensordict.nn import TensorDictModule
from torch import Tensor, nn
from torchrl.modules import MLP, ProbabilisticActor, TanhNormal

from sher_rl import FusedLearner, TwoStreamCritic, UsageError
from sher_rl.modules.critics import TWO_STREAM_Q, DotProduct, Reads
from sher_rl.modules.networks import GaussianNet


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
