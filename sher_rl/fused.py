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
    q_target_bounds: tuple[Tensor, Tensor]
    """Tensors, since a learned temperature moves them and numbers would be compiled in."""
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


class Sample(NamedTuple):
    """A reparameterised action per state, and what it was made of."""

    action: Tensor
    log_prob: Tensor
    noise: Tensor
    raw_scale: Tensor
    actor_inputs: list[Tensor]


def sample_action(actor: Layers, state: Tensor, noise: Tensor) -> Sample:
    """Draw the fresh actions of a batch, ``(B, d)``, from the tanh-Gaussian policy; ``noise`` is standard normal."""
    head, inputs = forward(actor, state[None])
    loc, raw = head[0].chunk(2, -1)
    scale = policy_scale(raw)
    u = loc + scale * noise
    gaussian = -0.5 * noise.square() - scale.log() - 0.5 * math.log(2 * math.pi)
    log_slope = 2 * (math.log(2) - u - F.softplus(-2 * u))
    return Sample(u.tanh(), (gaussian - log_slope).sum(-1), noise, raw, inputs)


def policy_gradients(actor: Layers, sample: Sample, action_gradient: Tensor, alpha: Tensor) -> list[Tensor]:
    """Gradients of the actor from those of the objective in the action, with the entropy's own (eq. 16).

    With u = loc + scale * noise before tanh, d log π / d u = 2 tanh u, and d log π / d scale = -1 / scale besides.
    """
    weight = alpha / len(sample.action)
    into_u = action_gradient * (1 - sample.action.square()) + 2 * weight * sample.action
    into_scale = into_u * sample.noise - weight / policy_scale(sample.raw_scale)
    into_raw = into_scale * torch.sigmoid(sample.raw_scale + SCALE_SHIFT)
    return backward(actor, sample.actor_inputs, torch.cat((into_u, into_raw), -1)[None])


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
    rows, count, alpha = len(noise), len(qvalue[0][0]), log_alpha.exp()
    state, next_state = (s.to(actor[0][0].dtype) for s in (batch.state, batch.next_state))
    sample = sample_action(actor, state, noise)
    q, stored_inputs = _q(qvalue, state, batch.action)
    q_fresh, fresh_inputs = _q(qvalue, state, sample.action)
    v, v_inputs = forward(value, state[None])
    next_v, _ = forward(target, next_state[None])

    q_target = soft_q_target(batch.reward, next_v.flatten(), batch.terminated, rules.gamma)
    q_error = q - q_target.clamp(*rules.q_target_bounds)
    v_error = v.flatten() - soft_value_target(q_fresh.clamp(*rules.q_bounds), sample.log_prob, alpha)
    critic = backward(qvalue, stored_inputs, (batch.weight * q_error / rows).unsqueeze(-1))
    critic += backward(value, v_inputs, (batch.weight * v_error / rows).view(1, rows, 1))

    ascended = 1 if rules.actor_q == "q1" else count
    chosen = q_fresh[:ascended].min(0)
    use = -F.one_hot(chosen.indices, ascended).T.unsqueeze(-1).float() / rows
    layers = [(weight[:ascended], bias[:ascended]) for weight, bias in qvalue]
    into_input = input_gradient(layers, [x[:ascended] for x in fresh_inputs], use)
    policy = policy_gradients(actor, sample, into_input[..., -noise.shape[-1] :].float().sum(0), alpha)

    loss_alpha = torch.zeros_like(alpha)
    if rules.target_entropy is not None:
        entropy_gap = -(sample.log_prob + rules.target_entropy).mean()
        policy.append(entropy_gap)
        loss_alpha = log_alpha * entropy_gap
    critic_flat, actor_flat = (torch.cat([g.flatten() for g in parts]) for parts in (critic, policy))
    statistics = (
        policy_objective(chosen.values, sample.log_prob, alpha).mean(),
        (batch.weight * 0.5 * q_error.square().sum(0)).mean(),
        (batch.weight * 0.5 * v_error.square()).mean(),
        loss_alpha,
        alpha,
        -sample.log_prob.mean(),
        q.mean(),
        q.min(),
        q.max(),
        v.mean(),
        torch.sqrt(critic_flat.square().sum() + actor_flat.square().sum()),
    )
    return critic_flat, actor_flat, q_error.abs().mean(0), torch.stack(statistics)


def _q(layers: Layers, state: Tensor, action: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Values ``[n, B]`` of all Qs, and each layer's input."""
    inputs = torch.cat((state, action.to(state.dtype)), -1).expand(len(layers[0][0]), -1, -1)
    q, layer_inputs = forward(layers, inputs)
    return q.squeeze(-1), layer_inputs
