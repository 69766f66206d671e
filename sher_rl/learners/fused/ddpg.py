"""The gradient of the baselines written out: what :class:`~sher_rl.MultiGoalDDPGLoss` and autograd compute."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torchrl.objectives.value import TD0Estimator

from sher_rl.functional.bounds import return_bounds
from sher_rl.functional.targets import penalised_value, soft_q_target
from sher_rl.learners.fused.cloning import clone
from sher_rl.learners.fused.critics import Critic, action_gradient, values, weight_gradients
from sher_rl.learners.fused.layers import (
    Batch,
    Fusion,
    Gradients,
    Network,
    backward,
    flat,
    forward,
    joint,
    joint_norm,
    lowered,
)
from sher_rl.learners.fused.structure import check_is, check_reads, check_relu_layers, structure
from sher_rl.learners.fused.verification import check_settings
from sher_rl.modules.networks import STATE, DeterministicNet
from sher_rl.objectives.cloning import QFilteredCloning
from sher_rl.objectives.ddpg import MultiGoalDDPGLoss


def gradients(
    critic: Critic,
    qvalue: Network,
    actor: Network,
    target_qvalue: Network,
    target_actor: Network,
    batch: Batch,
    gamma: float,
    action_l2: float,
    cloning: Tensor | None = None,
) -> Gradients:
    """One batch's gradients, by hand.

    Args:
        critic: structure of Q.
        qvalue: Q, from state and action to one number.
        actor: one stack from state to ``d`` numbers, of which tanh makes the action.
        target_qvalue: Q's target.
        target_actor: the actor's.
        batch: the transitions.
        gamma: discount.
        action_l2: weight of the penalty on the action.
        cloning: weight of the demonstrations' term, if they are cloned.
    """
    rows, size = batch.action.shape
    dtype = actor[0][0][0].dtype
    state = lowered(batch.state, dtype)
    next_state = lowered(batch.next_state, dtype)
    next_action = forward(target_actor[0], joint(next_state))[0].tanh()
    next_q, _ = values(critic, target_qvalue, next_state | {"action": next_action[0].to(dtype)})
    raw, actor_inputs = forward(actor[0], joint(state))
    action = raw.tanh()
    q, q_trace = values(critic, qvalue, state | {"action": batch.action.to(dtype)})
    q_fresh, fresh_trace = values(critic, qvalue, state | {"action": action[0].to(dtype)})

    q_target = soft_q_target(batch.reward, next_q, batch.terminated, gamma).clamp(*return_bounds(gamma))
    error = q - q_target
    of_critic = flat(weight_gradients(critic, qvalue, q_trace, 2 * batch.weight * error / rows))

    into_action = action_gradient(critic, qvalue, fresh_trace, torch.full_like(q, -1 / rows), size)
    into_action = into_action + 2 * action_l2 / (rows * size) * action
    into_raw = into_action * (1 - action.square())
    cloned: dict[str, Tensor] = {}
    if cloning is not None and batch.demonstration is not None:
        more, cloned = clone(raw[0], batch.action, q[0], q_fresh[0], batch.demonstration, cloning)
        into_raw = into_raw + more
    policy = flat(backward(actor[0], actor_inputs, into_raw))

    statistics = {
        **cloned,
        "loss_actor": -penalised_value(q_fresh, action, action_l2).mean(),
        "loss_qvalue": (batch.weight * error.square()).mean(),
        "q_mean": q.mean(),
        "q_min": q.min(),
        "q_max": q.max(),
        "grad_norm": joint_norm(of_critic, policy),
    }
    return Gradients(of_critic, policy, error[0].abs(), statistics)


def fuse(loss: MultiGoalDDPGLoss, cloning: QFilteredCloning | None = None) -> Fusion:
    """How :class:`~sher_rl.FusedLearner` differentiates this loss, and the cloning beside it.

    Raises:
        UsageError: the loss has settings or networks that :func:`gradients` is not of.
    """
    check_settings(loss, loss_function=("l2",))
    check_reads("actor_network", loss.actor_network, STATE)
    critic = structure("value_network", loss.value_network, [*STATE, "action"])
    check_is("actor_network", loss.actor_network.module, DeterministicNet)
    check_relu_layers("actor_network", loss.actor_network.module.mlp)
    check_is("value_estimator", loss.value_estimator, TD0Estimator)

    def arguments(batch: Batch) -> tuple[Any, ...]:
        check_is("value_estimator", loss.value_estimator, TD0Estimator)  # it may be another one by now
        weight = None if cloning is None else torch.tensor(cloning.weight, device=batch.action.device)
        return loss.gamma.item(), loss.action_l2, weight

    return Fusion(
        critic=["value_network"],
        actor=["actor_network"],
        scalars=[],
        tracked=["value_network", "actor_network"],
        gradients=partial(gradients, critic),
        arguments=arguments,
    )
