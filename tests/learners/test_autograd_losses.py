"""Learner takes the losses of TorchRL: with targets or without, with a critic or without."""

from collections.abc import Callable

import pytest
import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.data import OneHot
from torchrl.modules import MLP, NormalParamExtractor, ProbabilisticActor, QValueActor, TanhNormal, ValueOperator
from torchrl.objectives import (
    BCLoss,
    ClipPPOLoss,
    CrossQLoss,
    DDPGLoss,
    DQNLoss,
    IQLLoss,
    LossModule,
    REDQLoss,
    SACLoss,
    TD3Loss,
)

from sher_rl import Learner, UsageError

RATES = {"actor_lr": 1e-2, "critic_lr": 1e-2, "polyak": 0.5}
ROWS = 16


def net(inputs: int, outputs: int) -> MLP:
    return MLP(inputs, outputs, num_cells=[8])


def gaussian(**options) -> ProbabilisticActor:
    layers = nn.Sequential(net(3, 4), NormalParamExtractor())
    module = TensorDictModule(layers, ["observation"], ["loc", "scale"])
    return ProbabilisticActor(module, in_keys=["loc", "scale"], distribution_class=TanhNormal, **options)


def deterministic() -> TensorDictModule:
    return TensorDictModule(nn.Sequential(net(3, 2), nn.Tanh()), ["observation"], ["action"])


def qvalue() -> ValueOperator:
    return ValueOperator(net(5, 1), in_keys=["observation", "action"])


def value() -> ValueOperator:
    return ValueOperator(net(3, 1), in_keys=["observation"])


def ppo() -> ClipPPOLoss:
    loss = ClipPPOLoss(gaussian(return_log_prob=True), value())
    loss.make_value_estimator(gamma=0.9)
    return loss


def dqn(**options) -> DQNLoss:
    return DQNLoss(QValueActor(net(3, 2), in_keys=["observation"], spec=OneHot(2)), action_space="one-hot", **options)


BOUNDS = {"bounds": (-torch.ones(2), torch.ones(2))}
LOSSES: dict[str, Callable[[], LossModule]] = {
    "behaviour cloning": lambda: BCLoss(deterministic()),
    "CrossQ": lambda: CrossQLoss(gaussian(), qvalue(), target_entropy=-2.0),
    "DDPG": lambda: DDPGLoss(deterministic(), qvalue()),
    "DQN": dqn,
    "DQN without targets": lambda: dqn(delay_value=False),
    "IQL": lambda: IQLLoss(gaussian(), qvalue(), value()),
    "PPO": ppo,
    "REDQ": lambda: REDQLoss(gaussian(return_log_prob=True), qvalue(), target_entropy=-2.0),
    "SAC": lambda: SACLoss(gaussian(), qvalue(), target_entropy=-2.0),
    "TD3": lambda: TD3Loss(deterministic(), qvalue(), **BOUNDS),
}


def batch_of(loss: LossModule) -> TensorDict:
    action = torch.rand(ROWS, 2) * 1.8 - 0.9
    if isinstance(loss, DQNLoss):
        action = nn.functional.one_hot(torch.randint(2, (ROWS,)), 2)
    rows = {"observation": torch.randn(ROWS, 3), "action": action}
    ends = {key: torch.rand(ROWS, 1) < 0.2 for key in ("done", "terminated")}
    following = {"observation": torch.randn(ROWS, 3), "reward": torch.randn(ROWS, 1), **ends}
    batch = TensorDict({**rows, "next": following}, [ROWS])
    return batch.set("action_log_prob", torch.zeros(ROWS)) if isinstance(loss, ClipPPOLoss) else batch


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_moves_each_network_and_its_targets(name: str) -> None:
    torch.manual_seed(0)
    loss = LOSSES[name]()
    learner = Learner(loss, **RATES)
    before = {key: tensor.clone() for key, tensor in loss.state_dict().items() if "network_params" in key}
    statistics = learner.step(batch_of(loss))
    after = loss.state_dict()
    moved = {key.split(".")[0] for key, tensor in before.items() if not torch.equal(tensor, after[key])}
    assert moved == {key.split(".")[0] for key in before}
    assert statistics["grad_norm"] > 0
    assert learner.steps == 1


@pytest.mark.parametrize("name", LOSSES)
def test_the_critic_and_the_rest_have_their_own_step_size(name: str) -> None:
    loss = LOSSES[name]()
    learner = Learner(loss, actor_lr=0.0, critic_lr=1e-2, polyak=0.5)
    before = {key: tensor.clone() for key, tensor in loss.named_parameters()}
    learner.step(batch_of(loss))
    for key, parameter in loss.named_parameters():
        assert torch.equal(parameter, before[key]) or "value" in key or "critic" in key, key


def test_only_what_is_called_a_loss_is_added() -> None:
    loss = dqn()
    statistics = Learner(loss, **RATES).step(batch_of(loss))
    assert set(statistics) == {"loss", "grad_norm"}


def test_losses_by_row_are_refused() -> None:
    loss = BCLoss(deterministic(), reduction="none")
    with pytest.raises(UsageError, match="loss_bc has 32 values; give the loss a reduction"):
        Learner(loss, **RATES).step(batch_of(loss))


def test_a_loss_that_returns_no_tensordict_is_refused() -> None:
    class Pair(BCLoss):
        def forward(self, tensordict: TensorDict) -> tuple:
            return super().forward(tensordict), tensordict

    loss = Pair(deterministic())
    with pytest.raises(UsageError, match="loss returned a tuple; Learner takes losses that return a TensorDict"):
        Learner(loss, **RATES).step(batch_of(loss))


def test_weights_that_need_no_gradient_stay() -> None:
    actor = deterministic()
    actor.module[0][0].requires_grad_(False)
    loss = BCLoss(actor)
    frozen = actor.module[0][0].weight.clone()
    Learner(loss, **RATES).step(batch_of(loss))
    assert torch.equal(actor.module[0][0].weight, frozen)
