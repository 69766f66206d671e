"""Soft Q-learning of continuous actions, a TorchRL LossModule."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from tensordict import TensorDict, TensorDictBase, TensorDictParams
from tensordict.nn import TensorDictModule, TensorDictSequential, dispatch
from torch import Tensor
from torchrl.objectives import LossModule, ValueEstimators

from sher_rl.errors import UsageError, check_counts, check_positive
from sher_rl.functional.soft_q import optimal_soft_bounds, soft_value_estimate, uniform_log_density
from sher_rl.functional.stein import squashed_score, stein_gradient
from sher_rl.functional.targets import half_squared_error, soft_q_target
from sher_rl.objectives.checks import check_choice, check_gamma, check_has
from sher_rl.objectives.coefficients import SoftCoefficients
from sher_rl.objectives.discrete_soft_q import Prior, SoftClip
from sher_rl.objectives.keys import SoftQKeys, input_keys
from sher_rl.objectives.networks import evaluate
from sher_rl.objectives.proposals import draw, propose_by, propose_uniform

Proposal = Literal["uniform", "policy"]


class SoftQLoss(SoftCoefficients, LossModule):
    r"""Soft Q-learning: Q against sampled soft values, and a sampler that Stein's gradient makes draw from its policy.

    .. math::
        J_Q &= \tfrac12 (Q(s, a, g) - y)^2,\quad y = r + \gamma (1 - d) V(s', g),\quad
            V = \alpha \log \tfrac1n \textstyle\sum_i \frac{p(a_i)}{q(a_i)} e^{Q_{targ}(s', a_i, g)/\alpha} \\
        \Delta f(\xi_j) &= \textstyle\frac1m \sum_i k(u_i, u_j) \nabla_{u_i} \log \pi(u_i) + \nabla_{u_i} k(u_i, u_j),
            \quad u = f(\xi; s, g),\ a = \tanh u

    The actor has no density that it would be scored by: half of its draws move along Stein's gradient at the other
    half, towards :math:`\pi \propto e^{Q/\alpha}` on the cube, all modes of it (Haarnoja et al., arXiv:1702.08165,
    eqs. 10, 11, 13 and 14). The gradient is taken before tanh, with the change of variables in the density.

    Args:
        actor_network: the sampler, as of :func:`~sher_rl.make_soft_q_networks`: its first module draws ``noise``, the
            others write ``raw_action`` :math:`u` and ``action``.
        qvalue_network: writes ``state_action_value``, ``(*batch, 1)``.

    Keyword Args:
        alpha: temperature, above 0.
        gamma: discount in [0, 1); its power for n-step data (``steps_to_next_obs`` of TorchRL's MultiStep).
        value_samples: actions n that a soft value is made of.
        particles: draws of the sampler in each state, an even number; half of them move.
        proposal: where the n actions are from: ``"uniform"`` on the cube, or the ``"policy"``, whose density is had by
            the change of variables and so asks for noise of the action's size.
        prior: ``"none"`` pays for entropy; ``"uniform"`` charges for the divergence from the uniform policy, which
            keeps values in the range of returns. The policies are the same.
        clip: ``"soft"`` clips targets to the range of optimal soft values of rewards in {-1, 0}.
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` (per transition; no statistics then).

    ``forward`` returns ``loss_actor`` and ``loss_qvalue`` to be added and differentiated: each reaches its own network
    alone. The value of ``loss_actor`` says nothing; its gradient is Stein's. It also returns ``alpha``, ``q_mean``,
    ``q_min``, ``q_max``, and ``v_mean`` (of the next states), and writes ``td_error`` (``(*batch)``, :math:`|Q - y|`)
    into its input. A ``priority_weight`` in the input weighs the loss of Q, as a weighted mean. Draws are from torch's
    generator. Key names change through :meth:`set_keys`. Targets move by :class:`torchrl.objectives.SoftUpdate`.

    Raises:
        UsageError: a value outside its range, also where it is assigned later; in ``forward``, the batch lacks a key,
            or the policy is the proposal and its noise is not of the action's size.

    >>> from sher_rl import GoalDims, make_soft_q_networks
    >>> loss = SoftQLoss(*make_soft_q_networks(GoalDims(10, 3, 4)), alpha=0.05, gamma=0.98)
    >>> states = {"observation": torch.randn(8, 10), "desired_goal": torch.randn(8, 3)}
    >>> batch = TensorDict({**states, "action": torch.rand(8, 4), "next": {**states,
    ...     "reward": -torch.ones(8, 1), "terminated": torch.zeros(8, 1, dtype=torch.bool)}}, [8])
    >>> losses = loss(batch)
    >>> (losses["loss_actor"] + losses["loss_qvalue"]).backward()
    """

    _AcceptedKeys = SoftQKeys
    default_keys = SoftQKeys
    tensor_keys: SoftQKeys
    default_value_estimator = ValueEstimators.TD0
    _schedulable_buffers = frozenset({"gamma", "alpha"})

    actor_network: TensorDictSequential
    qvalue_network: TensorDictModule
    actor_network_params: TensorDictParams
    qvalue_network_params: TensorDictParams
    target_actor_network_params: TensorDictParams
    target_qvalue_network_params: TensorDictParams

    def __init__(
        self,
        actor_network: TensorDictSequential,
        qvalue_network: TensorDictModule,
        *,
        alpha: float,
        gamma: float,
        value_samples: int = 32,
        particles: int = 32,
        proposal: Proposal = "uniform",
        prior: Prior = "none",
        clip: SoftClip = "none",
        reduction: Literal["mean", "sum", "none"] = "mean",
    ) -> None:
        check_gamma(gamma)
        check_positive(alpha=alpha)
        check_counts(value_samples=value_samples, particles=particles)
        check_choice("proposal", proposal, get_args(Proposal))
        check_choice("prior", prior, get_args(Prior))
        check_choice("clip", clip, get_args(SoftClip))
        check_choice("reduction", reduction, ("mean", "sum", "none"))
        if particles % 2:
            raise UsageError(f"particles is {particles}; use an even number.")
        super().__init__()
        self.value_samples = value_samples
        self.particles = particles
        self.proposal = proposal
        self.prior = prior
        self.clip = clip
        self.reduction = reduction
        self.convert_to_functional(actor_network, "actor_network")
        self.convert_to_functional(qvalue_network, "qvalue_network", create_target_params=True)
        for name, value in {"gamma": gamma, "alpha": alpha}.items():
            self.register_coeff_buffer(name, float(value), device=self._default_device, dtype=torch.float64)
        self._set_in_keys()
        statistics = ["alpha", "q_mean", "q_min", "q_max", "v_mean"] if reduction != "none" else []
        self.out_keys = ["loss_actor", "loss_qvalue", *statistics]

    def _set_in_keys(self) -> None:
        keys = self.tensor_keys
        both = dict.fromkeys([*self.actor_network.in_keys, *self.qvalue_network.in_keys])
        self._state = [key for key in both if key != keys.action]
        self.in_keys = input_keys([*self._state, keys.action], [*self._state, keys.reward, keys.terminated])

    @dispatch
    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Compute the losses of a batch; see the class."""
        check_has(tensordict, self.in_keys)
        next_value = self._next_value(tensordict)
        target = self._target(tensordict, next_value)
        q = self._q(tensordict, self.qvalue_network_params)
        tensordict.set(self.tensor_keys.priority, (q - target).detach().abs())
        weights = self._maybe_get_priority_weight(tensordict)
        out = {
            "loss_actor": self._reduce_loss(self._actor_objective(tensordict), tensordict),
            "loss_qvalue": self._reduce_loss(half_squared_error(q, target), tensordict, weights=weights),
        }
        if self.reduction == "none":
            return TensorDict(out, tensordict.batch_size)
        q = q.detach()
        statistics = {"alpha": self.alpha.to(q), "q_mean": q.mean(), "q_min": q.min(), "q_max": q.max()}
        return TensorDict(out | statistics | {"v_mean": next_value.mean()})

    def _actor_objective(self, tensordict: TensorDictBase) -> Tensor:
        states = tensordict.select(*self._state)
        fixed = draw(self.actor_network, self.actor_network_params.data, states, self.particles // 2)
        check_has(fixed, [self.tensor_keys.raw_action, self.tensor_keys.action])
        moved = draw(self.actor_network, self.actor_network_params, states, self.particles // 2)
        raw = moved.get(self.tensor_keys.raw_action)
        direction = stein_gradient(self._scores(fixed), fixed.get(self.tensor_keys.raw_action), raw.detach())
        return -(direction * raw).sum(-1).mean(0)

    def _scores(self, draws: TensorDictBase) -> Tensor:
        action = draws.get(self.tensor_keys.action).requires_grad_()
        q = self._q(draws, self.qvalue_network_params.data)
        (gradient,) = torch.autograd.grad(q.sum(), action)
        return squashed_score(gradient, action.detach(), self.alpha.to(gradient))

    @torch.no_grad()
    def _next_value(self, tensordict: TensorDictBase) -> Tensor:
        following = tensordict.get("next").select(*self._state)
        action = tensordict.get(self.tensor_keys.action)
        draws, log_proposal = self._propose(following, action)
        q = self._q(draws, self.target_qvalue_network_params)
        log_prior = uniform_log_density(action.shape[-1]) if self.prior == "uniform" else 0.0
        return soft_value_estimate(q, log_proposal, self.alpha.to(q), log_prior)

    def _propose(self, states: TensorDictBase, action: Tensor) -> tuple[TensorDictBase, Tensor | float]:
        if self.proposal == "uniform":
            return propose_uniform(states, self.tensor_keys, action, self.value_samples)
        weights = self.actor_network_params.data
        return propose_by(self.actor_network, weights, states, self.tensor_keys, self.value_samples)

    def _target(self, tensordict: TensorDictBase, next_value: Tensor) -> Tensor:
        keys = self.tensor_keys
        reward = tensordict.get(("next", keys.reward)).squeeze(-1)
        steps = tensordict.get(keys.steps_to_next_obs, None)
        gamma = self.gamma if steps is None else self.gamma ** steps.reshape(reward.shape)
        terminated = tensordict.get(("next", keys.terminated)).squeeze(-1)
        target = soft_q_target(reward, next_value, terminated, gamma.to(reward))
        if self.clip == "none":
            return target
        size = tensordict.get(keys.action).shape[-1]
        max_entropy = size * math.log(2) if self.prior == "none" else 0.0
        return target.clamp(*optimal_soft_bounds(self.gamma.item(), self.alpha.item(), max_entropy))

    def _q(self, batch: TensorDictBase, params: TensorDictBase) -> Tensor:
        return evaluate(self.qvalue_network, params, batch).get(self.tensor_keys.state_action_value).squeeze(-1)
