"""The loss of Soft Multi-goal RL, a TorchRL LossModule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from tensordict import TensorDict, TensorDictBase, TensorDictParams
from tensordict.nn import ProbabilisticTensorDictSequential, TensorDictModule, dispatch
from torch import Tensor, nn
from torchrl.objectives import LossModule, ValueEstimators
from torchrl.objectives.value import TD0Estimator

from sher_rl import _torchrl
from sher_rl.errors import check_counts
from sher_rl.functional.bounds import Clip, fresh_q_bounds, q_target_bounds
from sher_rl.functional.targets import (
    entropy_target,
    half_squared_error,
    policy_objective,
    soft_q_target,
    soft_value_target,
    temperature_loss,
)
from sher_rl.objectives.checks import check_alpha, check_choice, check_gamma, check_has, check_target_entropy
from sher_rl.objectives.keys import SoftMultiGoalKeys, input_keys, output_keys
from sher_rl.objectives.networks import evaluate, sample_action


class SoftMultiGoalLoss(LossModule):
    r"""Losses of Q, V and policy in Soft Hindsight Experience Replay: Algorithm 1, lines 19-24.

    One reparameterised action per state, :math:`ã \sim \pi(\cdot | s, g)`, serves V and policy.

    .. math::
        J_Q &= \textstyle\sum_i \frac12 (Q_i(s, a, g) - y_q)^2,\quad
            y_q = r + \gamma (1 - d) V_{targ}(s', g) \\
        J_V &= \frac12 (V(s, g) - y_v)^2,\quad y_v = \min_i Q_i(s, ã, g) - \alpha \log \pi(ã | s, g) \\
        J_\pi &= \alpha \log \pi(ã | s, g) - Q_1(s, ã, g)

    Every Q sees the whole batch, only V has a target network, and only ``terminated`` stops the bootstrap.
    The signs and roles that the paper's equations 14-16 and its algorithm box disagree on are those of
    soft actor-critic (arXiv:1801.01290).

    In the recipes :class:`~sher_rl.FusedLearner` trains the networks of this loss without calling ``forward``: it has
    the gradients of the same equations written out. ``forward`` is what :class:`~sher_rl.Learner`, or a loop of one's
    own, differentiates.

    Args:
        actor_network: from the keys of state and goal to a reparameterised distribution of ``action``.
        qvalue_network: one module, copied ``num_qvalue_nets`` times with fresh weights, or a list of them.
            Writes ``state_action_value``, ``(*batch, 1)``.
        value_network: writes ``state_value``, ``(*batch, 1)``; its keys are also read under ``next``.

    Keyword Args:
        alpha: temperature; the initial one if ``target_entropy`` is given.
        gamma: discount in [0, 1); its power for n-step data (``steps_to_next_obs`` of TorchRL's MultiStep).
        clip: ``"none"``; ``"hard"`` clips :math:`y_q` to the range of returns of rewards in {-1, 0}, as the
            paper's code does; ``"hard_q"`` clips the min Q inside :math:`y_v` to it, before the entropy is
            added (arXiv:2312.05787); ``"soft"`` clips :math:`y_q` to the range of *soft* returns.
        actor_q: the policy ascends ``"q1"`` (Algorithm 1) or the ``"min"`` of the Qs.
        target_entropy: ``None`` keeps ``alpha`` fixed; a number (nats), or ``"auto"`` for minus the action's
            size, learns it: the output then has ``loss_alpha`` (arXiv:1812.05905).
        num_qvalue_nets: how many Qs.
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` (per transition; no statistics then).
        deactivate_vmap: evaluate the Qs in a loop.

    ``forward`` returns ``loss_actor``, ``loss_qvalue``, ``loss_value`` (and ``loss_alpha``) to be added and
    differentiated: each reaches its own network alone. It also returns ``alpha``, ``entropy`` (nats),
    ``q_mean``, ``q_min``, ``q_max`` and ``v_mean``, and writes ``td_error`` (``(*batch)``, the mean over Qs of
    :math:`|Q_i - y_q|`) into its input. A ``priority_weight`` in the input weighs the losses of Q and V,
    as a weighted mean.
    Key names change through :meth:`set_keys`. Target networks move by
    :class:`torchrl.objectives.SoftUpdate`.

    Raises:
        UsageError: a value outside its range, also where it is assigned later; in ``forward``, the batch lacks a key.

    >>> from sher_rl import GoalDims, make_networks
    >>> loss = SoftMultiGoalLoss(*make_networks(GoalDims(10, 3, 4)), alpha=0.05, gamma=0.98, clip="hard")
    >>> states = {"observation": torch.randn(8, 10), "desired_goal": torch.randn(8, 3)}
    >>> batch = TensorDict({**states, "action": torch.rand(8, 4), "next": {**states,
    ...     "reward": -torch.ones(8, 1), "terminated": torch.zeros(8, 1, dtype=torch.bool)}}, [8])
    >>> losses = loss(batch)
    >>> (losses["loss_actor"] + losses["loss_qvalue"] + losses["loss_value"]).backward()
    """

    _AcceptedKeys = SoftMultiGoalKeys
    default_keys = SoftMultiGoalKeys
    tensor_keys: SoftMultiGoalKeys
    default_value_estimator = ValueEstimators.TD0
    _schedulable_buffers = frozenset({"gamma"})

    gamma: Any
    actor_network: ProbabilisticTensorDictSequential
    qvalue_network: TensorDictModule
    value_network: TensorDictModule
    actor_network_params: TensorDictParams
    qvalue_network_params: TensorDictParams
    value_network_params: TensorDictParams
    target_actor_network_params: TensorDictParams
    target_qvalue_network_params: TensorDictParams
    target_value_network_params: TensorDictParams

    def __init__(
        self,
        actor_network: ProbabilisticTensorDictSequential,
        qvalue_network: TensorDictModule | Sequence[TensorDictModule],
        value_network: TensorDictModule,
        *,
        alpha: float,
        gamma: float,
        clip: Clip = "none",
        actor_q: Literal["q1", "min"] = "q1",
        target_entropy: float | Literal["auto"] | None = None,
        num_qvalue_nets: int = 2,
        reduction: Literal["mean", "sum", "none"] = "mean",
        deactivate_vmap: bool = False,
    ) -> None:
        check_gamma(gamma)
        check_target_entropy(target_entropy)
        check_alpha(alpha, learned=target_entropy is not None)
        check_choice("clip", clip, get_args(Clip))
        check_choice("actor_q", actor_q, ("q1", "min"))
        check_choice("reduction", reduction, ("mean", "sum", "none"))
        check_counts(num_qvalue_nets=num_qvalue_nets)
        super().__init__()
        self.clip = clip
        self.actor_q = actor_q
        self.reduction = reduction
        self.deactivate_vmap = deactivate_vmap
        self.target_entropy = target_entropy
        self.convert_to_functional(actor_network, "actor_network")
        self.convert_to_functional(value_network, "value_network", create_target_params=True)
        if isinstance(qvalue_network, (list, tuple, nn.ModuleList)):
            qvalue_network = list(qvalue_network)
            num_qvalue_nets = len(qvalue_network)
        self.convert_to_functional(qvalue_network, "qvalue_network", num_qvalue_nets)
        device = self._default_device
        self.register_coeff_buffer("gamma", float(gamma), device=device, dtype=torch.float64)
        log_alpha = torch.tensor(float(alpha), device=device).log()
        if target_entropy is None:
            self.register_buffer("log_alpha", log_alpha)
        else:
            self.log_alpha = nn.Parameter(log_alpha)
        self._make_vmap()
        self._set_in_keys()
        self.out_keys = output_keys(learned_alpha=target_entropy is not None, statistics=reduction != "none")

    @property
    def alpha(self) -> Tensor:
        """The temperature, a scalar without gradient; assign a number to change it."""
        return self.log_alpha.detach().exp()

    @alpha.setter
    def alpha(self, value: float) -> None:
        check_alpha(float(value), learned=self.target_entropy is not None)
        self.log_alpha.data.copy_(torch.tensor(float(value)).log())

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "gamma":
            check_gamma(value)
        super().__setattr__(name, value)

    def _make_vmap(self) -> None:
        self._qvalues = _torchrl.vmap_over_weights(
            self.qvalue_network, (None, 0), randomness=self.vmap_randomness, pseudo_vmap=self.deactivate_vmap
        )

    def make_value_estimator(self, value_type: ValueEstimators | None = None, **hyperparams: Any) -> LossModule:
        """Set ``gamma`` the TorchRL way; of the estimators only TD(0) is Algorithm 1's."""
        if value_type not in (None, ValueEstimators.TD0) or set(hyperparams) - {"gamma"}:
            raise NotImplementedError(f"SoftMultiGoalLoss has the TD0 estimator with gamma, not {value_type}.")
        if "gamma" in hyperparams:
            self.gamma = hyperparams["gamma"]
        return self

    @property
    def value_estimator(self) -> TD0Estimator:
        """What gives the target of Q before it is clipped, for a batch and ``target_value_network_params``."""
        keys = {key: getattr(self.tensor_keys, key) for key in ("value", "reward", "terminated", "steps_to_next_obs")}
        estimator = TD0Estimator(gamma=self.gamma.item(), value_network=self.value_network, device=self.gamma.device)
        estimator.set_keys(**keys)
        return estimator

    def _set_in_keys(self) -> None:
        following = [*self.value_network.in_keys, self.tensor_keys.reward, self.tensor_keys.terminated]
        networks = (self.actor_network, self.qvalue_network, self.value_network)
        self.in_keys = input_keys([key for network in networks for key in network.in_keys], following)

    @dispatch
    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Compute the losses of a batch; see the class."""
        check_has(tensordict, self.in_keys)
        action, log_prob = sample_action(self.actor_network, self.actor_network_params, tensordict)
        q_fresh = self._q(tensordict, self.qvalue_network_params.data, action)
        q_target = self._q_target(tensordict, action.shape[-1])
        q = self._q(tensordict, self.qvalue_network_params)
        v = self._v(tensordict, self.value_network_params)
        tensordict.set(self.tensor_keys.priority, (q - q_target).detach().abs().mean(0))
        weights = self._maybe_get_priority_weight(tensordict)
        v_target = soft_value_target(q_fresh.clamp(*fresh_q_bounds(self.clip, self.gamma.item())), log_prob, self.alpha)
        errors = {
            "loss_qvalue": half_squared_error(q, q_target.expand_as(q)).sum(0),
            "loss_value": half_squared_error(v, v_target),
        }
        ascended = q_fresh[0] if self.actor_q == "q1" else q_fresh.min(0).values
        objectives = {"loss_actor": policy_objective(ascended, log_prob, self.alpha)}
        target_entropy = entropy_target(self.target_entropy, action.shape[-1])
        if target_entropy is not None:
            objectives["loss_alpha"] = temperature_loss(self.log_alpha, log_prob, target_entropy)
        out = {name: self._reduce_loss(value, tensordict) for name, value in objectives.items()}
        out |= {name: self._reduce_loss(value, tensordict, weights=weights) for name, value in errors.items()}
        if self.reduction == "none":
            return TensorDict(out, tensordict.batch_size)
        return TensorDict(out | self._statistics(q.detach(), v.detach(), log_prob.detach()))

    def _statistics(self, q: Tensor, v: Tensor, log_prob: Tensor) -> dict[str, Tensor]:
        return {
            "alpha": self.alpha,
            "entropy": -log_prob.mean(),
            "q_mean": q.mean(),
            "q_min": q.min(),
            "q_max": q.max(),
            "v_mean": v.mean(),
        }

    @torch.no_grad()
    def _q_target(self, tensordict: TensorDictBase, action_dim: int) -> Tensor:
        keys = self.tensor_keys
        following = tensordict.get("next")
        reward = following.get(keys.reward).squeeze(-1)
        steps = tensordict.get(keys.steps_to_next_obs, None)
        gamma = self.gamma if steps is None else self.gamma ** steps.reshape(reward.shape).to(reward.dtype)
        next_value = self._v(following, self.target_value_network_params)
        target = soft_q_target(reward, next_value, following.get(keys.terminated).squeeze(-1), gamma)
        return target.clamp(*q_target_bounds(self.clip, self.gamma.item(), self.alpha.item(), action_dim))

    def _q(self, tensordict: TensorDictBase, params: TensorDictParams, action: Tensor | None = None) -> Tensor:
        inputs = tensordict.select(*self.qvalue_network.in_keys)
        if action is not None:
            inputs.set(self.tensor_keys.action, action)
        return self._qvalues(inputs, params).get(self.tensor_keys.state_action_value).squeeze(-1)

    def _v(self, tensordict: TensorDictBase, params: TensorDictParams) -> Tensor:
        return evaluate(self.value_network, params, tensordict).get(self.tensor_keys.value).squeeze(-1)
