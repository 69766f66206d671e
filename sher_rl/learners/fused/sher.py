"""The gradient of Algorithm 1 written out: what :class:`~sher_rl.SoftMultiGoalLoss` and autograd compute."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torchrl.modules import TanhNormal

from sher_rl.errors import UsageError
from sher_rl.functional.bounds import fresh_q_bounds, q_target_bounds
from sher_rl.functional.tanh_gaussian import policy_scale, policy_scale_slope, tanh_log_prob
from sher_rl.functional.targets import entropy_target, policy_objective, soft_q_target, soft_value_target
from sher_rl.learners.fused.cloning import clone
from sher_rl.learners.fused.critics import Critic, Trace, action_gradient, first, values, weight_gradients
from sher_rl.learners.fused.layers import (
    Batch,
    Fusion,
    Gradients,
    Layers,
    Network,
    backward,
    flat,
    forward,
    joint,
    joint_norm,
    lowered,
)
from sher_rl.learners.fused.structure import check_is, check_reads, check_relu_layers, structure
from sher_rl.learners.fused.verification import INSTEAD, check_settings
from sher_rl.modules.networks import STATE, GaussianNet
from sher_rl.objectives.cloning import QFilteredCloning
from sher_rl.objectives.sher import SoftMultiGoalLoss


class Rules(NamedTuple):
    """The constants of the loss: see :class:`~sher_rl.SoftMultiGoalLoss`."""

    gamma: float
    q_target_bounds: tuple[Tensor, Tensor]
    """Tensors, since a learned temperature moves them and numbers would be compiled in."""
    q_bounds: tuple[float, float]
    actor_q: Literal["q1", "min"]
    target_entropy: float | None
    cloning: Tensor | None = None
    """Weight of the demonstrations' term, if they are cloned."""


class Sample(NamedTuple):
    """A reparameterised action per state, and what it was made of."""

    action: Tensor
    log_prob: Tensor
    noise: Tensor
    loc: Tensor
    raw_scale: Tensor
    actor_inputs: list[Tensor]


def sample_action(actor: Layers, state: Tensor, noise: Tensor) -> Sample:
    """Draw the fresh actions of states ``[1, B, width]``, ``(B, d)``; ``noise`` is standard normal."""
    head, inputs = forward(actor, state)
    loc, raw = head[0].chunk(2, -1)
    scale = policy_scale(raw)
    u = loc + scale * noise
    return Sample(u.tanh(), tanh_log_prob(u, noise, scale), noise, loc, raw, inputs)


def policy_gradients(
    actor: Layers, sample: Sample, action_gradient: Tensor, alpha: Tensor, into_loc: Tensor | None = None
) -> list[Tensor]:
    """Gradients of the actor from those of the objective in the action, with the entropy's own (eq. 16).

    ``into_loc`` is the gradient of another term in the locations, ``(B, d)``.

    With u = loc + scale * noise before tanh, d log π / d u = 2 tanh u, and d log π / d scale = -1 / scale besides.
    """
    weight = alpha / len(sample.action)
    into_u = action_gradient * (1 - sample.action.square()) + 2 * weight * sample.action
    into_scale = into_u * sample.noise - weight / policy_scale(sample.raw_scale)
    into_raw = into_scale * policy_scale_slope(sample.raw_scale)
    into_u = into_u if into_loc is None else into_u + into_loc
    return backward(actor, sample.actor_inputs, torch.cat((into_u, into_raw), -1)[None])


def gradients(
    q_critic: Critic,
    v_critic: Critic,
    qvalue: Network,
    value: Network,
    actor: Network,
    target: Network,
    batch: Batch,
    log_alpha: Tensor,
    noise: Tensor,
    rules: Rules,
) -> Gradients:
    """One batch's gradients (lines 20-23), by hand.

    Args:
        q_critic: structure of the Qs.
        v_critic: structure of V.
        qvalue: the Qs, from state and action to one number.
        value: V, from state to one number.
        actor: one stack from state to ``2 d`` numbers, locations and raw scales.
        target: V's target.
        batch: the transitions.
        log_alpha: logarithm of the temperature.
        noise: standard normal, ``(B, d)``.
        rules: constants.
    """
    rows = len(noise)
    alpha = log_alpha.exp()
    dtype = actor[0][0][0].dtype
    state = lowered(batch.state, dtype)
    sample = sample_action(actor[0], joint(state), noise)
    q, q_trace = values(q_critic, qvalue, state | {"action": batch.action.to(dtype)})
    q_fresh, fresh_trace = values(q_critic, qvalue, state | {"action": sample.action.to(dtype)})
    v, v_trace = values(v_critic, value, state)
    next_v, _ = values(v_critic, target, lowered(batch.next_state, dtype))

    q_target = soft_q_target(batch.reward, next_v.flatten(), batch.terminated, rules.gamma)
    q_error = q - q_target.clamp(*rules.q_target_bounds)
    v_error = v.flatten() - soft_value_target(q_fresh.clamp(*rules.q_bounds), sample.log_prob, alpha)
    critic = flat(
        [
            *weight_gradients(q_critic, qvalue, q_trace, batch.weight * q_error / rows),
            *weight_gradients(v_critic, value, v_trace, (batch.weight * v_error / rows)[None]),
        ]
    )
    ascended, into_action = ascend(q_critic, qvalue, q_fresh, fresh_trace, noise.shape[-1], rules.actor_q)
    into_loc = None
    cloned: dict[str, Tensor] = {}
    if rules.cloning is not None and batch.demonstration is not None:
        q_mode, _ = values(q_critic, qvalue, state | {"action": sample.loc.tanh().to(dtype)})
        q_pair = (ascended_q(q, rules.actor_q), ascended_q(q_mode, rules.actor_q))
        into_loc, cloned = clone(sample.loc, batch.action, *q_pair, batch.demonstration, rules.cloning)
    policy = flat(policy_gradients(actor[0], sample, into_action, alpha, into_loc))
    statistics = {
        **cloned,
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


def ascended_q(q: Tensor, actor_q: Literal["q1", "min"]) -> Tensor:
    """The Q that the policy ascends, ``(B,)``, of all ``(n, B)``."""
    return q[0] if actor_q == "q1" else q.min(0).values


def ascend(
    critic: Critic, qvalue: Network, q: Tensor, trace: Trace, action_dim: int, actor_q: Literal["q1", "min"]
) -> tuple[Tensor, Tensor]:
    """The Q that the policy ascends, ``(B,)``, and the gradient in the action, ``(B, d)``, of its negative mean."""
    count = len(q) if actor_q == "min" else 1
    chosen = q[:count].min(0)
    use = -F.one_hot(chosen.indices, count).T.float() / q.shape[-1]
    return chosen.values, action_gradient(critic, *first(count, qvalue, trace), use, action_dim).sum(0)


def fuse(loss: SoftMultiGoalLoss, cloning: QFilteredCloning | None = None) -> Fusion:
    """How :class:`~sher_rl.FusedLearner` differentiates this loss, and the cloning beside it.

    Raises:
        UsageError: the loss has settings or networks that :func:`gradients` is not of.
    """
    _check(loss)
    q_critic = structure("qvalue_network", loss.qvalue_network, [*STATE, "action"])
    v_critic = structure("value_network", loss.value_network, STATE)

    def arguments(batch: Batch) -> tuple[Any, ...]:
        return loss.log_alpha.detach(), torch.randn_like(batch.action), _rules(loss, cloning, batch.action)

    return Fusion(
        critic=["qvalue_network", "value_network"],
        actor=["actor_network"],
        scalars=[] if loss.target_entropy is None else [loss.log_alpha],
        tracked=["value_network"],
        gradients=partial(gradients, q_critic, v_critic),
        arguments=arguments,
    )


def _check(loss: SoftMultiGoalLoss) -> None:
    check_settings(loss)
    check_reads("actor_network", loss.actor_network, STATE)
    net, distribution = loss.actor_network
    check_is("actor_network", net.module, GaussianNet)
    check_relu_layers("actor_network", net.module.mlp)
    if distribution.distribution_class is not TanhNormal or distribution.distribution_kwargs:
        given = ", ".join([distribution.distribution_class.__name__, *distribution.distribution_kwargs])
        raise UsageError(f"loss.actor_network has the distribution {given}, not TanhNormal as it is; {INSTEAD}.")


def _rules(loss: SoftMultiGoalLoss, cloning: QFilteredCloning | None, action: Tensor) -> Rules:
    gamma = loss.gamma.item()
    action_dim = action.shape[-1]
    low, high = torch.tensor(q_target_bounds(loss.clip, gamma, loss.alpha.item(), action_dim), device=action.device)
    return Rules(
        gamma=gamma,
        q_target_bounds=(low, high),
        q_bounds=fresh_q_bounds(loss.clip, gamma),
        actor_q=loss.actor_q,
        target_entropy=entropy_target(loss.target_entropy, action_dim),
        cloning=None if cloning is None else torch.tensor(cloning.weight, device=action.device),
    )
