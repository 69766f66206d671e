"""QFilteredCloning beside both losses: what is cloned, what it moves, what it refuses."""

from __future__ import annotations

import pytest
import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.objectives import LossModule, SACLoss

from sher_rl import (
    GoalDims,
    MultiGoalDDPGLoss,
    QFilteredCloning,
    SoftMultiGoalLoss,
    UsageError,
    make_ddpg_networks,
    make_networks,
)

DIMS = GoalDims(observation=4, goal=2, action=2)


class Distance(nn.Module):
    """A Q that is highest at the action ``best``."""

    best = 0.5

    def forward(self, observation: torch.Tensor, desired_goal: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        return -(action - self.best).square().sum(-1, keepdim=True)


def make_loss(kind: str) -> LossModule:
    torch.manual_seed(0)
    keys = ["observation", "desired_goal", "action"]
    qvalue = TensorDictModule(Distance(), keys, ["state_action_value"])
    if kind == "ddpg":
        return MultiGoalDDPGLoss(make_ddpg_networks(DIMS, (8,))[0], qvalue, gamma=0.9, action_l2=1.0)
    actor, _, value = make_networks(DIMS, (8,))
    return SoftMultiGoalLoss(actor, [qvalue, qvalue], value, alpha=0.1, gamma=0.9, actor_q=kind)


def make_batch() -> TensorDict:
    torch.manual_seed(1)
    action = torch.tensor([0.5, -0.9, 0.5, 0.5]).unsqueeze(-1).expand(4, 2)
    state = {"observation": torch.randn(4, 4), "desired_goal": torch.randn(4, 2)}
    return TensorDict({**state, "action": action, "demonstration": torch.tensor([True, True, False, True])}, [4])


@pytest.mark.parametrize("kind", ["q1", "min", "ddpg"])
def test_demonstrations_better_than_the_policy_are_cloned(kind: str) -> None:
    loss = make_loss(kind)
    batch = make_batch()
    out = QFilteredCloning(loss, weight=3.0)(batch)
    with loss.actor_network_params.to_module(loss.actor_network, preserve_module_state=False):
        own = loss.actor_network(batch.select("observation", "desired_goal"))["action"]
    expected = 3.0 * ((own - 0.5).square().sum(-1)[[0, 3]].sum() / 3)  # the second is worse, the third none
    assert torch.allclose(out["loss_cloning"], expected)
    assert torch.allclose(out["cloned"], torch.tensor(2 / 3))


@pytest.mark.parametrize("kind", ["q1", "ddpg"])
def test_only_the_policy_is_moved(kind: str) -> None:
    loss = make_loss(kind)
    QFilteredCloning(loss, weight=1.0)(make_batch())["loss_cloning"].backward()
    for name, parameter in loss.named_parameters():
        assert (parameter.grad is not None) is name.startswith("actor_network"), name


def test_the_batch_is_left_as_it_is() -> None:
    batch = make_batch()
    before = batch.clone()
    QFilteredCloning(make_loss("q1"), weight=1.0)(batch)
    assert set(batch.keys()) == set(before.keys())
    assert (batch == before).all()


@pytest.mark.parametrize("weight", [-1.0, float("inf"), "much"])
def test_a_weight_out_of_range_is_refused(weight: object) -> None:
    with pytest.raises(UsageError, match="weight is"):
        QFilteredCloning(make_loss("q1"), weight=weight)


def test_another_loss_is_refused() -> None:
    actor, qvalue, _ = make_networks(DIMS, (8,))
    with pytest.raises(UsageError, match="loss is a SACLoss; use a SoftMultiGoalLoss or a MultiGoalDDPGLoss"):
        QFilteredCloning(SACLoss(actor, qvalue), weight=1.0)


@pytest.mark.parametrize("key", ["observation", "action", "demonstration"])
def test_a_batch_that_lacks_something_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match=f"The batch has no '{key}'"):
        QFilteredCloning(make_loss("q1"), weight=1.0)(make_batch().exclude(key))
