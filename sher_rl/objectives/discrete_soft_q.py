"""Soft Q-learning of finitely many actions, as TorchRL's DQN loss with another target."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias, get_args

import torch
from tensordict import NestedKey, TensorDict, TensorDictBase, unravel_key
from tensordict.nn import TensorDictModuleBase, dispatch
from torch import Tensor
from torchrl.data import TensorSpec
from torchrl.objectives import DQNLoss, distance_loss
from torchrl.objectives.value import TD0Estimator

from sher_rl.errors import UsageError, check_positive
from sher_rl.functional.soft_q import boltzmann_log_prob, optimal_soft_bounds, soft_value
from sher_rl.objectives.checks import check_choice, check_gamma, check_has
from sher_rl.objectives.coefficients import SoftCoefficients
from sher_rl.objectives.keys import STATISTICS, input_keys
from sher_rl.objectives.networks import evaluate

Prior: TypeAlias = Literal["none", "uniform"]
SoftClip: TypeAlias = Literal["none", "soft"]


class DiscreteSoftQLoss(SoftCoefficients, DQNLoss):
    r"""Soft Q-learning over finitely many actions: TorchRL's DQN loss, with the soft value in the target.

    .. math::
        J_Q = (Q(s, a, g) - y)^2,\quad y = r + \gamma (1 - d)\, \alpha \log \textstyle\sum_{a'} p(a')
            e^{Q_{targ}(s', a', g)/\alpha}

    The policy is :math:`\pi \propto p\, e^{Q/\alpha}`: :func:`~sher_rl.make_boltzmann_policy`. As
    :math:`\alpha` goes to 0 it is DQN (Haarnoja et al., arXiv:1702.08165; Schulman et al., arXiv:1704.06440).
    TorchRL's ``DiscreteSACLoss`` learns a policy network besides, which this one does without.

    Args:
        value_network: writes ``action_value``, ``(*batch, n)``, as a ``QValueActor`` does.

    Keyword Args:
        alpha: temperature, above 0.
        gamma: discount in [0, 1).
        action_space: as ``DQNLoss`` has it: ``"categorical"``, ``"one-hot"`` or a spec.
        prior: ``"none"`` pays for entropy, p = 1; ``"uniform"`` charges for the divergence from the uniform policy,
            p = 1/n. The policies are the same. With the latter, values stay in the range of returns.
        clip: ``"soft"`` clips targets to the range of optimal soft values of rewards in {-1, 0}.
        loss_function: as TorchRL's.
        reduction: as TorchRL's.

    ``forward`` returns ``loss``, and, unless the reduction is ``"none"``, ``alpha``, ``entropy`` (nats, of the policy),
    ``q_mean``, ``q_min``, ``q_max`` and ``v_mean``. It writes ``td_error`` (``(*batch)``, :math:`|Q - y|`) into its
    input and heeds a ``priority_weight`` there as a weighted mean. Targets move by
    :class:`torchrl.objectives.SoftUpdate`.

    Raises:
        UsageError: a value outside its range, also where it is assigned later; in ``forward``, the batch lacks a key.

    >>> from tensordict.nn import TensorDictModule
    >>> qvalue = TensorDictModule(torch.nn.Linear(3, 2), ["observation"], ["action_value"])
    >>> loss = DiscreteSoftQLoss(qvalue, alpha=0.1, gamma=0.98, action_space="categorical")
    >>> ends = {key: torch.zeros(8, 1, dtype=torch.bool) for key in ("done", "terminated")}
    >>> following = {"observation": torch.randn(8, 3), "reward": -torch.ones(8, 1), **ends}
    >>> batch = {"observation": torch.randn(8, 3), "action": torch.randint(2, (8,)), "next": following}
    >>> loss(TensorDict(batch, [8]))["loss"].backward()
    """

    _schedulable_buffers = frozenset({"gamma", "alpha"})

    out_keys: list[str]

    def __init__(
        self,
        value_network: TensorDictModuleBase,
        *,
        alpha: float,
        gamma: float,
        action_space: str | TensorSpec,
        prior: Prior = "none",
        clip: SoftClip = "none",
        loss_function: str = "l2",
        reduction: Literal["mean", "sum", "none"] = "mean",
    ) -> None:
        check_choice("prior", prior, get_args(Prior))
        check_choice("clip", clip, get_args(SoftClip))
        check_choice("reduction", reduction, ("mean", "sum", "none"))
        check_gamma(gamma)
        check_positive(alpha=alpha)
        super().__init__(value_network, loss_function=loss_function, action_space=action_space, reduction=reduction)
        if self.action_space not in ("categorical", "one_hot"):
            raise UsageError(f"action_space is {self.action_space!r}; use 'categorical' or 'one-hot'.")
        self.prior = prior
        self.clip = clip
        for name, value in {"gamma": gamma, "alpha": alpha}.items():
            self.register_coeff_buffer(name, float(value), device=self._default_device, dtype=torch.float64)
        self.out_keys = ["loss"] if reduction == "none" else ["loss", *STATISTICS]

    @property
    def value_estimator(self) -> TD0Estimator:
        """What gives the target before it is clipped, for a batch and the ``next_value``."""
        keys = {key: getattr(self.tensor_keys, key) for key in ("reward", "done", "terminated")}
        estimator = TD0Estimator(gamma=self.gamma.item(), value_network=None, device=self.gamma.device)
        estimator.set_keys(**keys)
        return estimator

    @dispatch
    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Compute the loss of a batch; see the class."""
        check_has(tensordict, self._needed())
        q_values = self._q_values(tensordict, self.value_network_params)
        q = self._chosen(q_values, tensordict.get(self.tensor_keys.action))
        target = self._target(tensordict)
        tensordict.set(self.tensor_keys.priority, (q - target).detach().abs())
        errors = distance_loss(q, target, self.loss_function)
        loss = self._reduce_loss(errors, tensordict, weights=self._maybe_get_priority_weight(tensordict))
        if self.reduction == "none":
            return TensorDict({"loss": loss}, tensordict.batch_size)
        return TensorDict({"loss": loss, **self._statistics(q.detach(), q_values.detach())})

    @torch.no_grad()
    def _target(self, tensordict: TensorDictBase) -> Tensor:
        q_values = self._q_values(tensordict.get("next"), self.target_value_network_params)
        value = soft_value(q_values, self.alpha.to(q_values), self._log_prior(q_values)).unsqueeze(-1)
        target = self.value_estimator.value_estimate(tensordict, next_value=value).squeeze(-1)
        if self.clip == "none":
            return target
        max_entropy = math.log(q_values.shape[-1]) if self.prior == "none" else 0.0
        return target.clamp(*optimal_soft_bounds(self.gamma.item(), self.alpha.item(), max_entropy))

    def _q_values(self, batch: TensorDictBase, params: TensorDictBase) -> Tensor:
        return evaluate(self.value_network, params, batch).get(self.tensor_keys.action_value)

    def _chosen(self, q_values: Tensor, action: Tensor) -> Tensor:
        if self.action_space == "one_hot":
            return (q_values * action).sum(-1)
        return q_values.gather(-1, action.reshape(*q_values.shape[:-1], 1)).squeeze(-1)

    def _log_prior(self, q_values: Tensor) -> float:
        return -math.log(q_values.shape[-1]) if self.prior == "uniform" else 0.0

    def _statistics(self, q: Tensor, q_values: Tensor) -> dict[str, Tensor]:
        alpha = self.alpha.to(q_values)
        log_prob = boltzmann_log_prob(q_values, alpha)
        return {
            "alpha": alpha,
            "entropy": -(log_prob.exp() * log_prob).sum(-1).mean(),
            "q_mean": q.mean(),
            "q_min": q.min(),
            "q_max": q.max(),
            "v_mean": soft_value(q_values, alpha, self._log_prior(q_values)).mean(),
        }

    def _set_in_keys(self) -> None:
        self._in_keys = [*self._needed(), unravel_key(("next", self.tensor_keys.done))]

    def _needed(self) -> list[NestedKey]:
        state = self.value_network.in_keys
        return input_keys(
            [*state, self.tensor_keys.action], [*state, self.tensor_keys.reward, self.tensor_keys.terminated]
        )
