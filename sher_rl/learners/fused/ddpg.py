"""The gradient of the baselines written out: what :class:`~sher_rl.MultiGoalDDPGLoss` and autograd compute."""

from __future__ import annotations

import torch

from sher_rl.functional.bounds import return_bounds
from sher_rl.functional.targets import penalised_value, soft_q_target
from sher_rl.learners.fused.layers import (
    Batch,
    Fusion,
    Gradients,
    Layers,
    backward,
    flat_gradients,
    forward,
    input_gradient,
    q_values,
)
from sher_rl.objectives.ddpg import MultiGoalDDPGLoss

_STATISTICS = "loss_actor loss_qvalue q_mean q_min q_max grad_norm".split()


def gradients(
    qvalue: Layers,
    actor: Layers,
    target_qvalue: Layers,
    target_actor: Layers,
    batch: Batch,
    gamma: float,
    action_l2: float,
) -> Gradients:
    """One batch's gradients, by hand.

    Args:
        qvalue: Q, from state and action, concatenated, to one number.
        actor: from state to ``d`` numbers, of which tanh makes the action.
        target_qvalue: Q's target.
        target_actor: the actor's.
        batch: the transitions.
        gamma: discount.
        action_l2: weight of the penalty on the action.
    """
    rows, size = batch.action.shape
    state, next_state = (s.to(actor[0][0].dtype) for s in (batch.state, batch.next_state))
    next_action = forward(target_actor, next_state[None])[0].tanh()
    next_q, _ = q_values(target_qvalue, next_state, next_action[0])
    raw, actor_inputs = forward(actor, state[None])
    action = raw.tanh()
    q, stored_inputs = q_values(qvalue, state, batch.action)
    q_fresh, fresh_inputs = q_values(qvalue, state, action[0])

    q_target = soft_q_target(batch.reward, next_q, batch.terminated, gamma).clamp(*return_bounds(gamma))
    error = q - q_target
    critic = backward(qvalue, stored_inputs, (2 * batch.weight * error / rows).unsqueeze(-1))

    into_input = input_gradient(qvalue, fresh_inputs, torch.full_like(raw[..., :1], -1 / rows))
    into_action = into_input[..., -size:].float() + 2 * action_l2 / (rows * size) * action
    policy = backward(actor, actor_inputs, into_action * (1 - action.square()))

    critic_flat, actor_flat, norm = flat_gradients(critic, policy)
    statistics = (
        -penalised_value(q_fresh, action, action_l2).mean(),
        (batch.weight * error.square()).mean(),
        q.mean(),
        q.min(),
        q.max(),
        norm,
    )
    return Gradients(critic_flat, actor_flat, error[0].abs(), torch.stack(statistics))


def fuse(loss: MultiGoalDDPGLoss) -> Fusion:
    """How :class:`~sher_rl.FusedLearner` differentiates this loss."""
    return Fusion(
        critic=["value_network"],
        actor=["actor_network"],
        scalars=[],
        tracked=["value_network", "actor_network"],
        gradients=gradients,
        arguments=lambda batch: (loss.value_estimator.gamma.item(), loss.action_l2),
        statistics=_STATISTICS,
    )
