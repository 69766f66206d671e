"""Forward and backward passes of stacked networks, written out: what the fused gradients are made of.

Stacked networks are lists of layers ``(weight [n, out, in], bias [n, 1, out])``: ``n`` ReLU networks of one
shape, evaluated by one batched product a layer. Hidden layers are multiplied in the weights' dtype (bfloat16
where the processor has matrix units for it); outputs, targets and losses are float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

Layers = list[tuple[Tensor, Tensor]]
Network = list[Layers]
"""Stacks of layers by name: one of most networks; of two streams one each, and one of what joins them, if any."""
State = dict[str, Tensor]
"""``observation`` and ``desired_goal``, ``(B, width)`` each."""


class Batch(NamedTuple):
    """A batch as plain tensors; ``weight`` are importance weights of mean 1.

    ``demonstration`` says which rows are of one, where those are cloned.
    """

    state: State
    action: Tensor
    next_state: State
    reward: Tensor
    terminated: Tensor
    weight: Tensor
    demonstration: Tensor | None = None


class Gradients(NamedTuple):
    """What one batch gives."""

    critic: Tensor
    """Of the networks of the critic's group, layer by layer, as one vector."""
    actor: Tensor
    """Of the actor's group, likewise."""
    td_error: Tensor
    """Absolute, ``(B,)``."""
    statistics: dict[str, Tensor]
    """What the loss says of itself, and ``grad_norm``: one number each."""

    def equals(self, other: Gradients) -> bool:
        """Whether all numbers are the same to the bit."""
        pairs = zip((*self[:3], *self.statistics.values()), (*other[:3], *other.statistics.values()), strict=True)
        return all(torch.equal(mine, theirs) for mine, theirs in pairs)


class Fusion(NamedTuple):
    """What :class:`~sher_rl.FusedLearner` knows of a loss; networks by their names in it."""

    critic: list[str]
    """Networks with the critic's step size."""
    actor: list[str]
    """Networks with the actor's."""
    scalars: list[nn.Parameter]
    """Learned with the actor's step size besides, last in its vector."""
    tracked: list[str]
    """Networks that have a target network."""
    gradients: Callable[..., Gradients]
    """Of the layers of ``critic``, ``actor`` and the targets, a :class:`Batch`, and ``arguments``; compiled."""
    arguments: Callable[[Batch], tuple[Any, ...]]
    """Draws and constants for a batch."""


def forward(layers: Layers, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Evaluate stacked networks on ``x [n, B, in]``: the output ``[n, B, out]`` in float32, and each layer's input."""
    inputs = []
    for weight, bias in layers[:-1]:
        inputs.append(x)
        x = torch.relu(torch.bmm(x, weight.transpose(1, 2)) + bias)
    weight, bias = layers[-1]
    return torch.bmm(x.float(), weight.float().transpose(1, 2)) + bias.float(), [*inputs, x]


def backward(layers: Layers, inputs: list[Tensor], gradient: Tensor) -> list[Tensor]:
    """Gradients of weights and biases, first layer first, from that of the output; float32."""
    gradients: list[Tensor] = []
    for (weight, _), x in zip(reversed(layers), reversed(inputs), strict=True):
        gradients = [
            torch.bmm(gradient.transpose(1, 2), x.to(gradient.dtype)),
            gradient.sum(1, keepdim=True),
            *gradients,
        ]
        if x is not inputs[0]:
            gradient = torch.bmm(gradient.to(weight.dtype), weight) * (x > 0)
    return [g.float() for g in gradients]


def input_gradient(layers: Layers, inputs: list[Tensor], gradient: Tensor) -> Tensor:
    """Gradient of the networks' input from that of their output."""
    for (weight, _), x in zip(reversed(layers), reversed(inputs), strict=True):
        gradient = torch.bmm(gradient.to(weight.dtype), weight)
        if x is not inputs[0]:
            gradient = gradient * (x > 0)
    return gradient


def joint(state: State) -> Tensor:
    """Observation and goal side by side, ``[1, B, width]``."""
    return torch.cat(list(state.values()), -1)[None]


def lowered(state: State, dtype: torch.dtype) -> State:
    """A state in the dtype of the weights."""
    return {name: value.to(dtype) for name, value in state.items()}


def flat(gradients: list[Tensor]) -> Tensor:
    """A group's gradients as one vector."""
    return torch.cat([gradient.flatten() for gradient in gradients])


def joint_norm(critic: Tensor, actor: Tensor) -> Tensor:
    """Norm of the gradients of both groups."""
    return torch.sqrt(critic.square().sum() + actor.square().sum())
