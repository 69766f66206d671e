"""Values and gradients of critics whose streams are joined: concatenated, two-stream and bilinear."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from sher_rl.learners.fused.layers import Layers, Network, backward, forward, input_gradient


class Trace(NamedTuple):
    """What the gradients are computed from: inputs and outputs, ``[n, B, width]`` each."""

    inputs: list[list[Tensor]]
    """Of each stream's layers."""
    outputs: list[Tensor]
    """Of each stream, float32."""
    joined: list[Tensor]
    """Inputs of the join's layers, empty where it has none."""


class Join(NamedTuple):
    """How outputs of streams become one value, and how its gradient goes back.

    Each function takes the join's own layers, an empty network where it has none.
    """

    value: Callable[[Network, list[Tensor]], tuple[Tensor, list[Tensor]]]
    """From outputs to values ``[n, B]``, and the inputs of its layers."""
    into_outputs: Callable[[Network, Trace, Tensor], list[Tensor]]
    """From the gradient of the values, ``[n, B]``, to those of the outputs, float32."""
    weights: Callable[[Network, Trace, Tensor], list[Tensor]]
    """From the same to those of its layers, first layer first."""


class Critic(NamedTuple):
    """A critic's structure; a concatenated one has one stream, whose output is the value."""

    reads: tuple[tuple[str, ...], ...]
    """What each stream reads; an action is the last of the first stream's."""
    join: Join


def values(critic: Critic, network: Network, given: Mapping[str, Tensor]) -> tuple[Tensor, Trace]:
    """Values ``[n, B]`` of stacked critics, of inputs ``(B, width)`` by name in the dtype of the weights."""
    inputs, outputs = [], []
    for names, layers in zip(critic.reads, network, strict=False):
        x = torch.cat([given[name] for name in names], -1).expand(len(layers[0][0]), -1, -1)
        output, layer_inputs = forward(layers, x)
        inputs.append(layer_inputs)
        outputs.append(output)
    value, joined = critic.join.value(network[len(critic.reads) :], outputs)
    return value, Trace(inputs, outputs, joined)


def weight_gradients(critic: Critic, network: Network, trace: Trace, gradient: Tensor) -> list[Tensor]:
    """Gradients of all layers, stream by stream and the join's last, from that of the values, ``[n, B]``."""
    own = network[len(critic.reads) :]
    into_outputs = critic.join.into_outputs(own, trace, gradient)
    streams = zip(network, trace.inputs, into_outputs, strict=False)
    gradients = [each for layers, inputs, into in streams for each in backward(layers, inputs, into)]
    return gradients + critic.join.weights(own, trace, gradient)


def action_gradient(critic: Critic, network: Network, trace: Trace, gradient: Tensor, size: int) -> Tensor:
    """Gradient of the action, ``[n, B, size]`` in float32, from that of the values, ``[n, B]``."""
    into_output = critic.join.into_outputs(network[len(critic.reads) :], trace, gradient)[0]
    return input_gradient(network[0], trace.inputs[0], into_output)[..., -size:].float()


def first(count: int, network: Network, trace: Trace) -> tuple[Network, Trace]:
    """The first ``count`` of stacked critics."""
    chosen = [[(weight[:count], bias[:count]) for weight, bias in layers] for layers in network]
    inputs = [[x[:count] for x in layer_inputs] for layer_inputs in trace.inputs]
    return chosen, Trace(inputs, [y[:count] for y in trace.outputs], [x[:count] for x in trace.joined])


def _value_alone(network: Network, outputs: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    return outputs[0].squeeze(-1), []


def _into_alone(network: Network, trace: Trace, gradient: Tensor) -> list[Tensor]:
    return [gradient.unsqueeze(-1)]


def _no_weights(network: Network, trace: Trace, gradient: Tensor) -> list[Tensor]:
    return []


def _value_of_product(network: Network, outputs: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    return (outputs[0] * outputs[1]).sum(-1), []


def _into_product(network: Network, trace: Trace, gradient: Tensor) -> list[Tensor]:
    return [gradient.unsqueeze(-1) * output for output in reversed(trace.outputs)]


def _value_of_layers(network: Network, outputs: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    value, joined = forward(network[0], torch.cat(outputs, -1).to(_dtype(network[0])))
    return value.squeeze(-1), joined


def _into_layers(network: Network, trace: Trace, gradient: Tensor) -> list[Tensor]:
    return list(input_gradient(network[0], trace.joined, gradient.unsqueeze(-1)).float().chunk(2, -1))


def _weights_of_layers(network: Network, trace: Trace, gradient: Tensor) -> list[Tensor]:
    return backward(network[0], trace.joined, gradient.unsqueeze(-1))


def _dtype(layers: Layers) -> torch.dtype:
    return layers[0][0].dtype


ALONE = Join(_value_alone, _into_alone, _no_weights)
"""One stream, whose output is the value."""
PRODUCT = Join(_value_of_product, _into_product, _no_weights)
"""The dot product of two streams."""
LAYERS = Join(_value_of_layers, _into_layers, _weights_of_layers)
"""A network over two streams, concatenated."""
