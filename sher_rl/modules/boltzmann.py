"""Policies that are made of a Q: Boltzmann's, the best of samples, and that of the mean of several Qs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tensordict import NestedKey, TensorDictBase
from tensordict.nn import (
    ProbabilisticTensorDictModule,
    ProbabilisticTensorDictSequential,
    TensorDictModule,
    TensorDictModuleBase,
    dispatch,
)
from torch import Tensor, nn
from torch.distributions import Categorical
from torchrl.envs.utils import ExplorationType, exploration_type, set_exploration_type

from sher_rl.errors import UsageError, check_counts, check_positive
from sher_rl.functional.soft_q import boltzmann_log_prob


class BoltzmannLogits(nn.Module):
    """Log probabilities of the actions, of their Qs; ``alpha`` and ``log_prior`` are buffers."""

    alpha: Tensor
    log_prior: Tensor

    def __init__(self, alpha: float, log_prior: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("alpha", torch.tensor(float(alpha)))
        self.register_buffer("log_prior", torch.zeros(()) if log_prior is None else log_prior)

    def forward(self, action_value: Tensor) -> Tensor:
        """``(*batch, n) -> (*batch, n)``."""
        return boltzmann_log_prob(action_value, self.alpha, self.log_prior)


def make_boltzmann_policy(
    qvalue_network: TensorDictModuleBase,
    *,
    alpha: float,
    log_prior: Tensor | None = None,
    distribution_class: type = Categorical,
) -> ProbabilisticTensorDictSequential:
    r"""Make the policy of a soft Q over finitely many actions: :math:`\pi(a | s) \propto p(a) e^{Q(s, a)/\alpha}`.

    Args:
        qvalue_network: writes ``action_value``, ``(*batch, n)``; its weights are shared.

    Keyword Args:
        alpha: temperature, the loss's or a lower one.
        log_prior: log probabilities of the actions, ``(n)``; uniform without.
        distribution_class: of ``logits``: torch's ``Categorical``, or TorchRL's ``OneHotCategorical``.

    Returns:
        Module that writes ``logits`` and ``action``, the best action under ``ExplorationType.DETERMINISTIC`` and else
        a sample, from torch's generator (arXiv:1704.06440).

    Raises:
        UsageError: ``alpha`` is not above 0, or the network does not write ``action_value``.

    >>> from tensordict import TensorDict
    >>> qvalue = TensorDictModule(torch.nn.Linear(3, 2), ["observation"], ["action_value"])
    >>> policy = make_boltzmann_policy(qvalue, alpha=0.1)
    >>> policy(TensorDict(observation=torch.zeros(5, 3), batch_size=[5]))["action"].shape
    torch.Size([5])
    """
    check_positive(alpha=alpha)
    _check_writes(qvalue_network, "action_value")
    action = ProbabilisticTensorDictModule(
        ["logits"], ["action"], distribution_class=distribution_class, default_interaction_type=ExplorationType.RANDOM
    )
    logits = TensorDictModule(BoltzmannLogits(alpha, log_prior), ["action_value"], ["logits"])
    return ProbabilisticTensorDictSequential(qvalue_network, logits, action)


class UniformActions(TensorDictModuleBase):
    """Writes ``action``, uniform on [-1, 1] in each dimension, from torch's generator.

    Args:
        size: of the action.
        like: a key of the batch whose rows, device and dtype the actions have.

    >>> from tensordict import TensorDict
    >>> UniformActions(2)(TensorDict(observation=torch.zeros(5, 3)))["action"].shape
    torch.Size([5, 2])
    """

    def __init__(self, size: int, *, like: NestedKey = "observation") -> None:
        super().__init__()
        check_counts(size=size)
        self.in_keys = [like]
        self.out_keys = ["action"]
        self.size = size

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Draw."""
        rows = tensordict.get(self.in_keys[0])
        return tensordict.set("action", rows.new_empty(*rows.shape[:-1], self.size).uniform_(-1, 1))


class BestOfSamples(TensorDictModuleBase):
    r"""Policy of a Q over continuous actions: of several candidates one by its :math:`e^{Q/\alpha}`, or the best.

    Where exploration is random, the default, it is one drawn with probabilities in proportion to
    :math:`e^{Q/\alpha}`: of many uniform candidates, a sample of the optimal policy of soft Q-learning
    (arXiv:1702.08165). Otherwise it is the candidate of the largest Q. Writes ``action``; all draws are from
    torch's generator.

    Args:
        qvalue_network: reads ``action`` and writes ``state_action_value``, ``(*batch, 1)``.
        sampler: draws candidates: :class:`~sher_rl.UniformActions`, or that of :func:`~sher_rl.make_soft_q_networks`.

    Keyword Args:
        alpha: temperature.
        candidates: how many there are in each state.

    Raises:
        UsageError: a number is out of range, or the network does not write ``state_action_value``.

    >>> from sher_rl import GoalDims, make_soft_q_networks
    >>> sampler, qvalue = make_soft_q_networks(GoalDims(10, 3, 4))
    >>> policy = BestOfSamples(qvalue, sampler, alpha=0.1, candidates=16)
    >>> policy(observation=torch.zeros(5, 10), desired_goal=torch.zeros(5, 3)).shape
    torch.Size([5, 4])
    """

    def __init__(
        self, qvalue_network: TensorDictModuleBase, sampler: TensorDictModuleBase, *, alpha: float, candidates: int
    ) -> None:
        super().__init__()
        check_positive(alpha=alpha)
        check_counts(candidates=candidates)
        _check_writes(qvalue_network, "state_action_value")
        state = [*qvalue_network.in_keys, *sampler.in_keys]
        self.in_keys = [key for key in dict.fromkeys(state) if key != "action"]
        self.out_keys = ["action"]
        self.qvalue_network = qvalue_network
        self.sampler = sampler
        self.alpha = alpha
        self.candidates = candidates

    @dispatch
    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Write the action."""
        random = exploration_type() in (ExplorationType.RANDOM, None)
        state = tensordict.select(*self.in_keys)
        candidates = state.expand(self.candidates, *state.batch_size).clone(False)
        with set_exploration_type(ExplorationType.RANDOM):
            self.sampler(candidates)
        q = self.qvalue_network(candidates).get("state_action_value").squeeze(-1)
        chosen = Categorical(logits=(q / self.alpha).movedim(0, -1)).sample() if random else q.argmax(0)
        action = candidates.get("action")
        index = chosen[None, ..., None].expand(1, *action.shape[1:])
        return tensordict.set("action", action.gather(0, index).squeeze(0))


class ComposedQ(TensorDictModuleBase):
    """The mean of several soft Qs: its policy does what all of them ask for, as far as they agree.

    Optimal for the mean of their rewards but for what :func:`~sher_rl.functional.soft_q.composition_gap` adds up to
    (arXiv:1803.06773). One Q conditioned on goals serves several, by networks that read other keys.

    Args:
        qvalue_networks: at least one.
        key: what each of them writes, ``"action_value"`` or ``"state_action_value"``.

    Raises:
        UsageError: there is no network, or one does not write the key.

    >>> from tensordict import TensorDict
    >>> q = torch.nn.Linear(3, 2)
    >>> both = ComposedQ([TensorDictModule(q, [key], ["action_value"]) for key in ("near", "far")], "action_value")
    >>> both(TensorDict(near=torch.zeros(5, 3), far=torch.zeros(5, 3), batch_size=[5]))["action_value"].shape
    torch.Size([5, 2])
    """

    def __init__(self, qvalue_networks: Sequence[TensorDictModuleBase], key: str) -> None:
        super().__init__()
        if not qvalue_networks:
            raise UsageError("qvalue_networks has no network; use at least one.")
        for network in qvalue_networks:
            _check_writes(network, key)
        self.in_keys = list(dict.fromkeys(key for network in qvalue_networks for key in network.in_keys))
        self.out_keys = [key]
        self.qvalue_networks = nn.ModuleList(qvalue_networks)

    @dispatch
    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Write the mean."""
        (key,) = self.out_keys
        inputs = tensordict.select(*self.in_keys)
        values = [network(inputs.copy()).get(key) for network in self.qvalue_networks]
        return tensordict.set(key, torch.stack(values).mean(0))


def _check_writes(network: TensorDictModuleBase, key: str) -> None:
    if key not in network.out_keys:
        raise UsageError(f"qvalue_network writes {network.out_keys}; use one that writes {key}.")
