"""Soft values and their policies, of finitely many actions and of samples, as pure tensor functions.

Equations are those of soft Q-learning (Haarnoja et al., arXiv:1702.08165), with a prior over actions as in Schulman et
al. (arXiv:1704.06440), and of the composition of policies (Haarnoja et al., arXiv:1803.06773). The one-step target is
:func:`~sher_rl.functional.targets.soft_q_target`.
"""

from __future__ import annotations

import math

from torch import Tensor

from sher_rl.functional.bounds import return_bounds


def soft_value(q_values: Tensor, alpha: Tensor | float, log_prior: Tensor | float = 0.0) -> Tensor:
    r"""Soft value of a state: :math:`V = \alpha \log \sum_a p(a) e^{Q(a)/\alpha}`, ``(*batch, n) -> (*batch)``.

    With ``log_prior`` 0 the policy is paid for its entropy (arXiv:1702.08165). With the logarithm of a
    distribution it pays for its divergence from that one instead (arXiv:1704.06440), and the value lies
    between the least and the largest Q.

    >>> import torch
    >>> soft_value(torch.tensor([0.0, 0.0]), 0.5), soft_value(torch.tensor([0.0, 0.0]), 0.5, math.log(0.5))
    (tensor(0.3466), tensor(0.))
    """
    return alpha * (q_values / alpha + log_prior).logsumexp(-1)


def boltzmann_log_prob(q_values: Tensor, alpha: Tensor | float, log_prior: Tensor | float = 0.0) -> Tensor:
    r"""Log probability of each action, :math:`\log p(a) + (Q(a) - V)/\alpha`: ``(*batch, n) -> (*batch, n)``.

    The optimal policy of soft Q-learning (arXiv:1702.08165, arXiv:1704.06440).

    >>> import torch
    >>> boltzmann_log_prob(torch.tensor([0.0, math.log(3)]), 1.0).exp()
    tensor([0.2500, 0.7500])
    """
    return (q_values / alpha + log_prior).log_softmax(-1)


def uniform_log_density(action_dim: int) -> float:
    r"""Log density of the uniform distribution on :math:`[-1, 1]^d`: :math:`-d \ln 2`.

    >>> round(uniform_log_density(2), 4)
    -1.3863
    """
    return -action_dim * math.log(2.0)


def soft_value_estimate(
    q_values: Tensor, log_proposal: Tensor | float, alpha: Tensor | float, log_prior: float = 0.0
) -> Tensor:
    r"""Soft value by importance sampling, :math:`\alpha \log \frac1n \sum_i \frac{p(a_i)}{q(a_i)} e^{Q(a_i)/\alpha}`.

    The exponential of :math:`V/\alpha` is estimated without bias for every proposal :math:`q` that is positive where
    the sum is (arXiv:1702.08165, eq. 10); by Jensen's inequality V itself is estimated a little too low.

    Args:
        q_values: ``(n, *batch)``, at actions of the proposal.
        log_proposal: the proposal's log density at them, of the same shape, or one number.
        alpha: temperature.
        log_prior: log density of a uniform prior; 0 for the entropy.

    Returns:
        ``(*batch)``.

    >>> import torch
    >>> soft_value_estimate(torch.tensor([[0.0], [0.0]]), uniform_log_density(1), 0.5)
    tensor([0.3466])
    """
    return alpha * ((q_values / alpha + log_prior - log_proposal).logsumexp(0) - math.log(len(q_values)))


def optimal_soft_bounds(gamma: float, alpha: float, max_entropy: float) -> tuple[float, float]:
    r"""Range of the *optimal* soft Q for rewards in {-1, 0}: :math:`[-1/(1-\gamma),\ \gamma\alpha H/(1-\gamma)]`.

    The policy that acts uniformly has a return of at least the lower end and pays nothing for its entropy; none is
    paid more than :math:`\alpha H` a step. ``max_entropy`` is :math:`H` in nats, :math:`\ln n` of n actions and
    :math:`d \ln 2` on :math:`[-1, 1]^d`, and 0 where a prior takes the place of the entropy.

    >>> optimal_soft_bounds(0.75, 0.5, max_entropy=1.0)
    (-4.0, 1.5)
    """
    low, _ = return_bounds(gamma)
    return low, -low * gamma * alpha * max_entropy


def composition_gap(q_values: Tensor, alpha: Tensor | float, log_prior: Tensor | float = 0.0) -> Tensor:
    r"""How much the mean of Qs promises too much at a state: the mean of their soft values less that of their mean.

    Of two Qs it is :math:`\frac\alpha2 D_{1/2}(\pi_1 \| \pi_2)`, with Rényi's divergence of their policies: 0 where
    they agree (arXiv:1803.06773).

    Args:
        q_values: ``(k, *batch, n)``, one row per Q.
        alpha: temperature.
        log_prior: as in :func:`soft_value`.

    Returns:
        ``(*batch)``, at least 0.

    >>> import torch
    >>> composition_gap(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), 1.0)
    tensor(0.1201)
    """
    return soft_value(q_values, alpha, log_prior).mean(0) - soft_value(q_values.mean(0), alpha, log_prior)
