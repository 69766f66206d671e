"""The deterministic loss of the HER and CHER baselines."""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias

from tensordict import NestedKey, TensorDict, TensorDictBase, unravel_key
from tensordict.nn import TensorDictModule, dispatch
from torch import Tensor
from torchrl.objectives import DDPGLoss, ValueEstimators, distance_loss
from torchrl.objectives.value import ValueEstimatorBase

from sher_rl.functional.bounds import return_bounds
from sher_rl.functional.targets import penalised_value
from sher_rl.objectives.checks import check_at_least_0, check_gamma, check_has
from sher_rl.objectives.keys import input_keys
from sher_rl.objectives.networks import evaluate

Estimator: TypeAlias = ValueEstimators | ValueEstimatorBase | type[ValueEstimatorBase]


class MultiGoalDDPGLoss(DDPGLoss):
    r"""TorchRL's DDPG as hindsight experience replay uses it: clipped targets and a penalty on the action.

    .. math::
        J_Q &= (Q(s, a, g) - y)^2,\quad
            y = \mathrm{clip}(r + \gamma (1 - d) Q_{targ}(s', \pi_{targ}(s', g), g), -\tfrac{1}{1 - \gamma}, 0) \\
        J_\pi &= -Q(s, \pi(s, g), g) + c\, \overline{\pi(s, g)^2}

    with the mean of the squares over the action's dimensions (openai/baselines, her/ddpg.py; arXiv:1707.01495).

    In the recipes :class:`~sher_rl.FusedLearner` trains the networks of this loss without calling ``forward``, by the
    gradients of the same equations, written out.

    Args:
        actor_network: from the keys of state and goal to ``action`` in [-1, 1].
        qvalue_network: writes ``state_action_value``, ``(*batch, 1)``.

    Keyword Args:
        gamma: discount in [0, 1).
        action_l2: weight :math:`c` of the penalty.
        reduction: as TorchRL's.

    ``forward`` returns ``loss_actor`` and ``loss_qvalue``, to be added and differentiated, and ``q_mean``,
    ``q_min`` and ``q_max``; it writes ``td_error`` (``(*batch)``, :math:`|Q - y|`) into its input and heeds a
    ``priority_weight`` there, in the loss of Q, as a weighted mean. Targets of both networks move by
    :class:`torchrl.objectives.SoftUpdate`.

    Raises:
        UsageError: a value outside its range, also where it is assigned later; in ``forward``, the batch lacks a key.

    >>> import torch
    >>> from sher_rl import GoalDims, make_ddpg_networks
    >>> loss = MultiGoalDDPGLoss(*make_ddpg_networks(GoalDims(10, 3, 4)), gamma=0.98, action_l2=1.0)
    >>> states = {"observation": torch.randn(8, 10), "desired_goal": torch.randn(8, 3)}
    >>> ends = {key: torch.zeros(8, 1, dtype=torch.bool) for key in ("done", "terminated")}
    >>> batch = TensorDict({**states, "action": torch.rand(8, 4), "next": {**states, **ends,
    ...     "reward": -torch.ones(8, 1)}}, [8])
    >>> losses = loss(batch)
    >>> (losses["loss_actor"] + losses["loss_qvalue"]).backward()
    """

    out_keys: ClassVar = ["loss_actor", "loss_qvalue", "q_mean", "q_min", "q_max"]

    def __init__(
        self,
        actor_network: TensorDictModule,
        qvalue_network: TensorDictModule,
        *,
        gamma: float,
        action_l2: float,
        reduction: str = "mean",
    ) -> None:
        check_gamma(gamma)
        check_at_least_0(action_l2=action_l2)
        super().__init__(actor_network, qvalue_network, delay_actor=True, delay_value=True, reduction=reduction)
        self.action_l2 = action_l2
        self.make_value_estimator(gamma=gamma)

    @property
    def gamma(self) -> Tensor:
        """The discount, which is the value estimator's; assign a number to change it."""
        return self._value_estimator.gamma

    @gamma.setter
    def gamma(self, value: float) -> None:
        check_gamma(value)
        self._value_estimator.gamma.fill_(float(value))

    def make_value_estimator(self, value_type: Estimator | None = None, **hyperparams: Any) -> DDPGLoss:
        """As TorchRL's. HER's is TD(0), the default; targets of any estimator are clipped."""
        if self._value_estimator is not None:
            hyperparams.setdefault("gamma", self.gamma.item())
        check_gamma(hyperparams["gamma"])
        super().make_value_estimator(value_type, **hyperparams)
        self._forward_value_estimator_keys()
        return self

    @dispatch
    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Compute the losses of a batch; see the class."""
        check_has(tensordict, self._needed())
        loss_qvalue, found = self.loss_value(tensordict)
        loss_actor, _ = self.loss_actor(tensordict)
        q = found["pred_value"].detach()
        out = {"loss_actor": loss_actor, "loss_qvalue": loss_qvalue}
        return TensorDict({**out, "q_mean": q.mean(), "q_min": q.min(), "q_max": q.max()})

    def loss_actor(self, tensordict: TensorDictBase) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of the policy; the weights of prioritised replay correct the critic alone."""
        state = tensordict.select(*self.actor_in_keys, *self.value_exclusive_keys, strict=False)
        state = state.update(evaluate(self.actor_network, self.actor_network_params, state))
        q = self._q(state, self.value_network_params.data)
        action = state.get(self.actor_network.out_keys[0])
        return self._reduce_loss(-penalised_value(q, action, self.action_l2), tensordict), {}

    def loss_value(self, tensordict: TensorDictBase) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of Q against targets within the returns that rewards of -1 and 0 allow; writes the priority."""
        q = self._q(tensordict, self.value_network_params)
        weights = {"module": {"0": self.target_actor_network_params, "1": self.target_value_network_params}}
        target = self.value_estimator.value_estimate(tensordict, target_params=TensorDict(weights)).squeeze(-1)
        target = target.clamp(*return_bounds(self.gamma.item())).detach()
        error = (q - target).detach()
        tensordict.set(self.tensor_keys.priority, error.abs())
        loss = distance_loss(q, target, loss_function=self.loss_function)
        found = {"td_error": error.square(), "pred_value": q, "target_value": target}
        return self._reduce_loss(loss, tensordict, weights=self._maybe_get_priority_weight(tensordict)), found

    def _q(self, tensordict: TensorDictBase, params: TensorDictBase) -> Tensor:
        return evaluate(self.value_network, params, tensordict).get(self.tensor_keys.state_action_value).squeeze(-1)

    def _set_in_keys(self) -> None:
        self.in_keys = [*self._needed(), unravel_key(("next", self.tensor_keys.done))]

    def _needed(self) -> list[NestedKey]:
        state = [*self.actor_in_keys, *self.value_exclusive_keys]
        return input_keys(
            [*state, *self.value_network.in_keys],
            [*state, self.tensor_keys.reward, self.tensor_keys.terminated],
        )
