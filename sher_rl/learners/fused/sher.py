"""The gradient of Algorithm 1 written out: what :class:`~sher_rl.SoftMultiGoalLoss` and autograd compute."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torchrl.modules import TanhNormal

from sher_rl.errors import UsageError
from sher_rl.functional.bounds import fresh_q_bounds, q_target_bounds
from sher_rl.functional.tanh_gaussian import policy_scale, policy_scale_slope, tanh_log_prob
from sher_rl.functional.targets import entropy_target, policy_objective, soft_q_target, soft_value_target
from sher_rl.learners.fused.layers import (
    Batch,
    Fusion,
    Gradients,
    Layers,
    backward,
    flat,
    forward,
    input_gradient,
    joint_norm,
    q_values,
)
from sher_rl.learners.fused.verification import INSTEAD, check_is, check_reads, check_relu_layers, check_settings
from sher_rl.modules.networks import STATE, GaussianNet
from sher_rl.objectives.sher import SoftMultiGoalLoss


class Rules(NamedTuple):
    """The constants of the loss: see :class:`~sher_rl.SoftMultiGoalLoss`."""

    gamma: float
    q_target_bounds: tuple[Tensor, Tensor]
    """Tensors, since a learned temperature moves them and numbers would be compiled in."""
    q_bounds: tuple[float, float]
    actor_q: Literal["q1", "min"]
    target_entropy: float | None


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
    return Sample(u.tanh(), tanh_log_prob(u, noise, scale), noise, raw, inputs)


def policy_gradients(actor: Layers, sample: Sample, action_gradient: Tensor, alpha: Tensor) -> list[Tensor]:
    """Gradients of the actor from those of the objective in the action, with the entropy's own (eq. 16).

    With u = loc + scale * noise before tanh, d log π / d u = 2 tanh u, and d log π / d scale = -1 / scale besides.
    """
    weight = alpha / len(sample.action)
    into_u = action_gradient * (1 - sample.action.square()) + 2 * weight * sample.action
    into_scale = into_u * sample.noise - weight / policy_scale(sample.raw_scale)
    into_raw = into_scale * policy_scale_slope(sample.raw_scale)
    return backward(actor, sample.actor_inputs, torch.cat((into_u, into_raw), -1)[None])


def gradients(
    qvalue: Layers,
    value: Layers,
    actor: Layers,
    target: Layers,
    batch: Batch,
    log_alpha: Tensor,
    noise: Tensor,
    rules: Rules,
) -> Gradients:
    """One batch's gradients (lines 20-23), by hand.

    Args:
        qvalue: the Qs, from state and action, concatenated, to one number.
        value: V, from state to one number.
        actor: one network from state to ``2 d`` numbers, locations and raw scales.
        target: V's target.
        batch: the transitions.
        log_alpha: logarithm of the temperature.
        noise: standard normal, ``(B, d)``.
        rules: constants.
    """
    rows = len(noise)
    alpha = log_alpha.exp()
    dtype = actor[0][0].dtype
    state = batch.state.to(dtype)
    next_state = batch.next_state.to(dtype)
    sample = sample_action(actor, state, noise)
    q, stored_inputs = q_values(qvalue, state, batch.action)
    q_fresh, fresh_inputs = q_values(qvalue, state, sample.action)
    v, v_inputs = forward(value, state[None])
    next_v, _ = forward(target, next_state[None])

    q_target = soft_q_target(batch.reward, next_v.flatten(), batch.terminated, rules.gamma)
    q_error = q - q_target.clamp(*rules.q_target_bounds)
    v_error = v.flatten() - soft_value_target(q_fresh.clamp(*rules.q_bounds), sample.log_prob, alpha)
    critic = flat(
        [
            *backward(qvalue, stored_inputs, (batch.weight * q_error / rows).unsqueeze(-1)),
            *backward(value, v_inputs, (batch.weight * v_error / rows).view(1, rows, 1)),
        ]
    )
    ascended, into_action = ascend(qvalue, q_fresh, fresh_inputs, noise.shape[-1], rules.actor_q)
    policy = flat(policy_gradients(actor, sample, into_action, alpha))
    statistics = {
        "loss_actor": policy_objective(ascended, sample.log_prob, alpha).mean(),
        "loss_qvalue": (batch.weight * 0.5 * q_error.square().sum(0)).mean(),
        "loss_value": (batch.weight * 0.5 * v_error.square()).mean(),
        "loss_alpha": torch.zeros_like(alpha),
        "alpha": alpha,
        "entropy": -sample.log_prob.mean(),
        "q_mean": q.mean(),
        "q_min": q.min(),
        "q_max": q.max(),
        "v_mean": v.mean(),
    }
    if rules.target_entropy is not None:
        entropy_gap = -(sample.log_prob + rules.target_entropy).mean()
        policy = torch.cat((policy, entropy_gap[None]))
        statistics["loss_alpha"] = log_alpha * entropy_gap
    statistics["grad_norm"] = joint_norm(critic, policy)
    return Gradients(critic, policy, q_error.abs().mean(0), statistics)


def ascend(
    qvalue: Layers, q: Tensor, inputs: list[Tensor], action_dim: int, actor_q: Literal["q1", "min"]
) -> tuple[Tensor, Tensor]:
    """The Q that the policy ascends, ``(B,)``, and the gradient in the action, ``(B, d)``, of its negative mean."""
    count = len(q) if actor_q == "min" else 1
    chosen = q[:count].min(0)
    use = -F.one_hot(chosen.indices, count).T.unsqueeze(-1).float() / q.shape[-1]
    layers = [(weight[:count], bias[:count]) for weight, bias in qvalue]
    into_input = input_gradient(layers, [x[:count] for x in inputs], use)
    return chosen.values, into_input[..., -action_dim:].float().sum(0)


def fuse(loss: SoftMultiGoalLoss) -> Fusion:
    """How :class:`~sher_rl.FusedLearner` differentiates this loss.

    Raises:
        UsageError: the loss has settings or networks that :func:`gradients` is not of.
    """
    _check(loss)

    def arguments(batch: Batch) -> tuple[Any, ...]:
        return loss.log_alpha.detach(), torch.randn_like(batch.action), _rules(loss, batch.action)

    return Fusion(
        critic=["qvalue_network", "value_network"],
        actor=["actor_network"],
        scalars=[] if loss.target_entropy is None else [loss.log_alpha],
        tracked=["value_network"],
        gradients=gradients,
        arguments=arguments,
    )


def _check(loss: SoftMultiGoalLoss) -> None:
    check_settings(loss)
    for name, in_keys in (("actor_network", STATE), ("qvalue_network", [*STATE, "action"]), ("value_network", STATE)):
        check_reads(name, getattr(loss, name), in_keys)
    for name in ("qvalue_network", "value_network"):
        check_relu_layers(name, getattr(loss, name).module)
    net, distribution = loss.actor_network
    check_is("actor_network", net.module, GaussianNet)
    check_relu_layers("actor_network", net.module.mlp)
    if distribution.distribution_class is not TanhNormal or distribution.distribution_kwargs:
        given = ", ".join([distribution.distribution_class.__name__, *distribution.distribution_kwargs])
        raise UsageError(f"loss.actor_network has the distribution {given}, not TanhNormal as it is; {INSTEAD}.")


def _rules(loss: SoftMultiGoalLoss, action: Tensor) -> Rules:
    gamma = loss.gamma.item()
    action_dim = action.shape[-1]
    low, high = torch.tensor(q_target_bounds(loss.clip, gamma, loss.alpha.item(), action_dim), device=action.device)
    return Rules(
        gamma=gamma,
        q_target_bounds=(low, high),
        q_bounds=fresh_q_bounds(loss.clip, gamma),
        actor_q=loss.actor_q,
        target_entropy=entropy_target(loss.target_entropy, action_dim),
    )
