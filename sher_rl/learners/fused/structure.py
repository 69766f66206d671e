"""What the written-out gradients are of: networks are held to it, anything else is refused."""

from __future__ import annotations

from tensordict.nn import TensorDictModuleBase
from torch import nn
from torchrl.modules import MLP

from sher_rl.errors import UsageError
from sher_rl.learners.fused.critics import ALONE, LAYERS, PRODUCT, Critic
from sher_rl.modules.critics import (
    BILINEAR_Q,
    BILINEAR_V,
    INPUTS,
    TWO_STREAM_Q,
    TWO_STREAM_V,
    DotProduct,
    Reads,
    TwoStreamCritic,
)
from sher_rl.modules.networks import STATE

INSTEAD = "use sher_rl.Learner"
KNOWN_READS = {tuple(STATE): (TWO_STREAM_V, BILINEAR_V), INPUTS: (TWO_STREAM_Q, BILINEAR_Q)}
"""What two streams may read, of what a critic is given."""


def structure(name: str, network: TensorDictModuleBase, in_keys: list[str]) -> Critic:
    """How the values of a critic are computed from its layers.

    Raises:
        UsageError: naming the network: it is none of this package's.
    """
    check_reads(name, network, in_keys)
    if type(network.module) is TwoStreamCritic:
        return _two_streams(name, network.module, KNOWN_READS[tuple(in_keys)])
    check_relu_layers(name, network.module)
    return Critic((tuple(in_keys),), ALONE)


def _two_streams(name: str, net: TwoStreamCritic, known: tuple[Reads, ...]) -> Critic:
    if net.reads not in known:
        raise UsageError(f"loss.{name} has streams that read {tuple(net.reads)}, not as built here; {INSTEAD}.")
    for stream in net.streams:
        check_relu_layers(name, stream)
    if type(net.join) is DotProduct:
        return Critic(net.reads, PRODUCT)
    check_relu_layers(name, net.join)
    return Critic(net.reads, LAYERS)


def check_reads(name: str, network: TensorDictModuleBase, in_keys: list[str]) -> None:
    """Refuse a network that reads other keys, or the same in another order.

    Raises:
        UsageError: naming the network.
    """
    if list(network.in_keys) != in_keys:
        raise UsageError(f"loss.{name} reads {list(network.in_keys)}, not {in_keys} in this order; {INSTEAD}.")


def check_is(name: str, net: nn.Module, kind: type[nn.Module]) -> None:
    """Refuse a part of another class, subclasses too, as they may compute anything.

    Raises:
        UsageError: naming the part.
    """
    if type(net) is not kind:
        raise UsageError(f"loss.{name} is a {type(net).__name__}, not exactly a {kind.__name__}; {INSTEAD}.")


def check_relu_layers(name: str, mlp: nn.Module) -> None:
    """Refuse anything but linear layers with biases, and a ReLU after each except the last.

    Raises:
        UsageError: naming the network and what it has.
    """
    check_is(name, mlp, MLP)
    kinds = [type(layer) for layer in mlp.children()]
    if kinds != [nn.Linear, nn.ReLU] * (len(kinds) // 2) + [nn.Linear]:
        found = ", ".join(kind.__name__ for kind in kinds)
        raise UsageError(f"loss.{name} has the layers {found}, not Linear and ReLU in turns; {INSTEAD}.")
    if any(layer.bias is None for layer in mlp.children() if isinstance(layer, nn.Linear)):
        raise UsageError(f"loss.{name} has a layer without a bias; {INSTEAD}.")
