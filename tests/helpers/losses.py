"""Losses over small networks, any of which can be another one."""

from helpers.batches import DIMS
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.modules import MLP

from sher_rl import MultiGoalDDPGLoss, SoftMultiGoalLoss, make_ddpg_networks, make_networks

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
