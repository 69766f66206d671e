"""The gradient of Algorithm 1 written out: what :class:`~sher_rl.SoftMultiGoalLoss` and autograd compute, in one graph.

Stacked networks are lists of layers ``(weight [n, out, in], bias [n, 1, out])``: ``n`` ReLU networks of one
shape, evaluated by one batched product a layer. Hidden layers are multiplied in the weights' dtype (bfloat16
where the processor has matrix units for it); outputs, targets and losses are float32.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from sher_rl.functional import (
    SCALE_SHIFT,
    half_squared_error,
    policy_objective,
    policy_scale,
    soft_q_target,
    soft_value_target,
)

Layers = list[tuple[Tensor, Tensor]]

STATISTICS = "loss_actor loss_qvalue loss_value loss_alpha alpha entropy q_mean q_min q_max v_mean grad_norm".split()


class Batch(NamedTuple):
    """A batch as plain tensors, states already next to their goals; ``weight`` are importance weights of mean 1."""

    state: Tensor
    action: Tensor
    next_state: Tensor
    reward: Tensor
    terminated: Tensor
    weight: Tensor


class Rules(NamedTuple):
    """The constants of the loss: see :class:`~sher_rl.SoftMultiGoalLoss`."""

    gamma: float
    q_target_bounds: tuple[float, float]
    q_bounds: tuple[float, float]
    actor_q: Literal["q1", "min"]
    target_entropy: float | None


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


def gradients(
    actor: Layers,
    qvalue: Layers,
    value: Layers,
    target: Layers,
    log_alpha: Tensor,
    batch: Batch,
    noise: Tensor,
    rules: Rules,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One batch's gradients (lines 20-23), by hand.

    Args:
        actor: one network from state to ``2 d`` numbers, locations and raw scales.
        qvalue: the Qs, from state and action, concatenated, to one number.
        value: V, from state to one number.
        target: its target.
        log_alpha: logarithm of the temperature.
        batch: the transitions.
        noise: standard normal, ``(B, d)``.
        rules: constants.

    Returns:
        Flat gradients of critics (Q, then V) and of actor (then ``log_alpha``, if it is learned), absolute TD
        errors ``(B,)``, and the numbers that :data:`STATISTICS` names.
    """
    dtype, rows, d = actor[0][0].dtype, len(noise), noise.shape[-1]
    count, state, alpha = len(qvalue[0][0]), batch.state.to(dtype), log_alpha.exp()

    head, actor_inputs = forward(actor, state[None])
    loc, raw = head[0].chunk(2, -1)
    scale = policy_scale(raw)
    before_tanh = loc + scale * noise
    action = before_tanh.tanh()
    log_prob = (
        -0.5 * noise.square()
        - scale.log()
        - 0.5 * math.log(2 * math.pi)
        - 2 * (math.log(2) - before_tanh - F.softplus(-2 * before_tanh))
    ).sum(-1)

    fresh = torch.cat((state, action.to(dtype)), -1).expand(count, -1, -1)
    stored = torch.cat((state, batch.action.to(dtype)), -1).expand(count, -1, -1)
    q_fresh, fresh_inputs = forward(qvalue, fresh)
    q, stored_inputs = forward(qvalue, stored)
    v, v_inputs = forward(value, state[None])
    next_v, _ = forward(target, batch.next_state.to(dtype)[None])
    q_fresh, q, v = q_fresh.squeeze(-1), q.squeeze(-1), v.flatten()

    q_target = soft_q_target(batch.reward, next_v.flatten(), batch.terminated, rules.gamma).clamp(
        *rules.q_target_bounds
    )
    v_target = soft_value_target(q_fresh.clamp(*rules.q_bounds), log_prob, alpha)
    q_gradient = (batch.weight * (q - q_target) / rows).unsqueeze(-1)
    v_gradient = (batch.weight * (v - v_target) / rows).view(1, rows, 1)
    critics = backward(qvalue, stored_inputs, q_gradient) + backward(value, v_inputs, v_gradient)

    ascended = 1 if rules.actor_q == "q1" else count
    chosen = q_fresh[:ascended].min(0)
    use = -F.one_hot(chosen.indices, ascended).T.unsqueeze(-1).float() / rows
    layers = [(weight[:ascended], bias[:ascended]) for weight, bias in qvalue]
    action_gradient = input_gradient(layers, [x[:ascended] for x in fresh_inputs], use)
    action_gradient = action_gradient[..., -d:].float().sum(0)
    # d log π / d u = 2 tanh u and, through the scale alone, -1 / scale
    into_tanh = action_gradient * (1 - action.square()) + alpha / rows * 2 * action
    into_scale = into_tanh * noise - alpha / rows / scale
    into_raw = torch.cat((into_tanh, into_scale * torch.sigmoid(raw + SCALE_SHIFT)), -1)
    policy = backward(actor, actor_inputs, into_raw[None])

    critic_flat = torch.cat([g.flatten() for g in critics])
    actor_parts = [g.flatten() for g in policy]
    entropy_gap = torch.zeros_like(alpha)
    if rules.target_entropy is not None:
        entropy_gap = -(log_prob + rules.target_entropy).mean()
        actor_parts.append(entropy_gap.view(1))
    actor_flat = torch.cat(actor_parts)
    norm = torch.sqrt(critic_flat.square().sum() + actor_flat.square().sum())
    errors = q - q_target
    statistics = (
        policy_objective(chosen.values, log_prob, alpha).mean(),
        (batch.weight * half_squared_error(q, q_target).sum(0)).mean(),
        (batch.weight * half_squared_error(v, v_target)).mean(),
        log_alpha * entropy_gap,
        alpha,
        -log_prob.mean(),
        q.mean(),
        q.min(),
        q.max(),
        v.mean(),
        norm,
    )
    return critic_flat, actor_flat, errors.abs().mean(0), torch.stack(statistics)
