"""The deterministic loss of the HER and CHER baselines."""

from __future__ import annotations

from typing import Any

from tensordict import TensorDict, TensorDictBase
from tensordict.nn import TensorDictModule, dispatch
from torch import Tensor
from torchrl.objectives import DDPGLoss, ValueEstimators
from torchrl.objectives.value import TD0Estimator

from sher_rl.functional.bounds import return_bounds
from sher_rl.functional.targets import penalised_value
from sher_rl.objectives.checks import check_at_least_0, check_gamma


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
        UsageError: a value outside its range.

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

    def make_value_estimator(self, value_type: ValueEstimators | None = None, **hyperparams: Any) -> DDPGLoss:
        """Set ``gamma`` the TorchRL way; of the estimators only TD(0) is the baselines'."""
        if value_type not in (None, ValueEstimators.TD0) or set(hyperparams) != {"gamma"}:
            raise NotImplementedError(f"MultiGoalDDPGLoss has the TD0 estimator with gamma, not {value_type}.")
        self._value_estimator = _ClippedTD0(gamma=hyperparams["gamma"], value_network=self.actor_critic)
        self._forward_value_estimator_keys()
        return self

    @property
    def out_keys(self) -> list[str]:
        """Keys that ``forward`` returns."""
        return ["loss_actor", "loss_qvalue", "q_mean", "q_min", "q_max"]

    @dispatch
    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Compute the losses of a batch; see the class."""
        loss_qvalue, metadata = self.loss_value(tensordict)
        tensordict.set(self.tensor_keys.priority, metadata["td_error"].sqrt())  # TorchRL writes the square
        q = metadata["pred_value"].detach()
        out = {"loss_actor": self.loss_actor(tensordict)[0], "loss_qvalue": loss_qvalue}
        return TensorDict({**out, "q_mean": q.mean(), "q_min": q.min(), "q_max": q.max()})

    def loss_actor(self, tensordict: TensorDictBase) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of the policy; the weights of prioritised replay correct the critic alone."""
        state = tensordict.select(*self.actor_in_keys, *self.value_exclusive_keys, strict=False)
        with self.actor_network_params.to_module(self.actor_network, preserve_module_state=False):
            state = self.actor_network(state)
        with self._cached_detached_value_params.to_module(self.value_network, preserve_module_state=False):
            q = self.value_network(state).get(self.tensor_keys.state_action_value).squeeze(-1)
        action = state.get(self.actor_network.out_keys[0])
        return self._reduce_loss(-penalised_value(q, action, self.action_l2), tensordict), {}


class _ClippedTD0(TD0Estimator):
    """TD(0) within the returns that rewards of -1 and 0 allow."""

    def value_estimate(self, *args: Any, **kwargs: Any) -> Tensor:
        target = super().value_estimate(*args, **kwargs)
        return target.clamp(*return_bounds(self.gamma.item()))
