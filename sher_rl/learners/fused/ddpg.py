"""The gradient of the baselines written out: what :class:`~sher_rl.MultiGoalDDPGLoss` and autograd compute."""

from __future__ import annotations

import torch
from torchrl.objectives.value import TD0Estimator

from sher_rl.functional.bounds import return_bounds
from sher_rl.functional.targets import penalised_value, soft_q_target
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
from sher_rl.learners.fused.verification import check_is, check_reads, check_relu_layers, check_settings
from sher_rl.modules.networks import STATE, DeterministicNet
from sher_rl.objectives.ddpg import MultiGoalDDPGLoss


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
    dtype = actor[0][0].dtype
    state = batch.state.to(dtype)
    next_state = batch.next_state.to(dtype)
    next_action = forward(target_actor, next_state[None])[0].tanh()
    next_q, _ = q_values(target_qvalue, next_state, next_action[0])
    raw, actor_inputs = forward(actor, state[None])
    action = raw.tanh()
    q, stored_inputs = q_values(qvalue, state, batch.action)
    q_fresh, fresh_inputs = q_values(qvalue, state, action[0])

    q_target = soft_q_target(batch.reward, next_q, batch.terminated, gamma).clamp(*return_bounds(gamma))
    error = q - q_target
    critic = flat(backward(qvalue, stored_inputs, (2 * batch.weight * error / rows).unsqueeze(-1)))

    into_input = input_gradient(qvalue, fresh_inputs, torch.full_like(raw[..., :1], -1 / rows))
    into_action = into_input[..., -size:].float() + 2 * action_l2 / (rows * size) * action
    policy = flat(backward(actor, actor_inputs, into_action * (1 - action.square())))

    statistics = {
        "loss_actor": -penalised_value(q_fresh, action, action_l2).mean(),
        "loss_qvalue": (batch.weight * error.square()).mean(),
        "q_mean": q.mean(),
        "q_min": q.min(),
        "q_max": q.max(),
        "grad_norm": joint_norm(critic, policy),
    }
    return Gradients(critic, policy, error[0].abs(), statistics)


def fuse(loss: MultiGoalDDPGLoss) -> Fusion:
    """How :class:`~sher_rl.FusedLearner` differentiates this loss.

    Raises:
        UsageError: the loss has settings or networks that :func:`gradients` is not of.
    """
    check_settings(loss, loss_function=("l2",))
    check_reads("actor_network", loss.actor_network, STATE)
    check_reads("value_network", loss.value_network, [*STATE, "action"])
    check_is("actor_network", loss.actor_network.module, DeterministicNet)
    check_relu_layers("actor_network", loss.actor_network.module.mlp)
    check_relu_layers("value_network", loss.value_network.module)
    check_is("value_estimator", loss.value_estimator, TD0Estimator)

    def arguments(batch: Batch) -> tuple[float, float]:
        check_is("value_estimator", loss.value_estimator, TD0Estimator)  # it may be another one by now
        return loss.gamma.item(), loss.action_l2

    return Fusion(
        critic=["value_network"],
        actor=["actor_network"],
        scalars=[],
        tracked=["value_network", "actor_network"],
        gradients=gradients,
        arguments=arguments,
    )
