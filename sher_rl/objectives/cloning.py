"""Behaviour cloning with a Q filter, a term beside the losses of this package."""

from __future__ import annotations

from functools import singledispatch

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor
from torchrl.envs.utils import ExplorationType, set_exploration_type
from torchrl.objectives import LossModule

from sher_rl.errors import UsageError
from sher_rl.functional.cloning import cloning_error, filtered_cloning, q_filter
from sher_rl.objectives.checks import check_at_least_0, check_has
from sher_rl.objectives.ddpg import MultiGoalDDPGLoss
from sher_rl.objectives.networks import evaluate
from sher_rl.objectives.sher import SoftMultiGoalLoss
from sher_rl.replay.mix import DEMONSTRATION


@singledispatch
def policy_q(loss: LossModule, batch: TensorDictBase) -> Tensor:
    """Q of the batch's actions, ``(*batch)``, without gradient: the one that the policy of a loss ascends.

    Raises:
        UsageError: the loss is none of this package's.
    """
    raise UsageError(f"loss is a {type(loss).__name__}; use a SoftMultiGoalLoss or a MultiGoalDDPGLoss.")


@policy_q.register
def _(loss: SoftMultiGoalLoss, batch: TensorDictBase) -> Tensor:
    q = loss._q(batch, loss.qvalue_network_params.data)
    return q[0] if loss.actor_q == "q1" else q.min(0).values


@policy_q.register
def _(loss: MultiGoalDDPGLoss, batch: TensorDictBase) -> Tensor:
    return loss._q(batch, loss.value_network_params.data)


class QFilteredCloning(LossModule):
    r"""Behaviour cloning of the demonstrations in a batch, where the critic holds them for better than the policy.

    .. math::
        L_{BC} = \frac{w}{N_D} \sum_{i \in D} \lVert \pi(s_i, g_i) - a_i \rVert^2\,
            [Q(s_i, a_i, g_i) > Q(s_i, \pi(s_i, g_i), g_i)]

    over the :math:`N_D` rows of the batch that ``demonstration``, bool ``(*batch)``, marks, as
    :class:`~sher_rl.MixDemonstrations` writes it. :math:`\pi` is the deterministic action, of a Gaussian its mode.
    :math:`Q` is the one that the policy ascends. The gradient reaches the policy alone.

    A term beside another loss, over its networks: :class:`~sher_rl.Learner` takes it among ``terms``.

    Args:
        loss: :class:`~sher_rl.SoftMultiGoalLoss` or :class:`~sher_rl.MultiGoalDDPGLoss`.
        weight: :math:`w`, beside the mean of Q. The paper's code has 1000: 1/128 of a sum over 128 rows, against 0.001.

    ``forward`` returns ``loss_cloning``, to be added and differentiated, and ``cloned``, the share of the
    demonstrations that pass the filter.

    Raises:
        UsageError: ``weight`` is below 0, or ``loss`` is another one; in ``forward``, the batch lacks a key.

    Overcoming Exploration in Reinforcement Learning with Demonstrations, arXiv:1709.10089, section 4.

    >>> from sher_rl import GoalDims, make_networks
    >>> loss = SoftMultiGoalLoss(*make_networks(GoalDims(10, 3, 4)), alpha=0.05, gamma=0.98)
    >>> cloning = QFilteredCloning(loss, weight=1.0)
    >>> batch = TensorDict({"observation": torch.randn(8, 10), "desired_goal": torch.randn(8, 3),
    ...     "action": torch.rand(8, 4), "demonstration": torch.arange(8) < 4}, [8])
    >>> cloning(batch)["loss_cloning"].shape
    torch.Size([])
    """

    in_keys = (DEMONSTRATION,)
    out_keys = ("loss_cloning", "cloned")

    def __init__(self, loss: SoftMultiGoalLoss | MultiGoalDDPGLoss, *, weight: float) -> None:
        check_at_least_0(weight=weight)
        if policy_q.dispatch(type(loss)) is policy_q.dispatch(object):
            raise UsageError(f"loss is a {type(loss).__name__}; use a SoftMultiGoalLoss or a MultiGoalDDPGLoss.")
        super().__init__()
        self.loss = loss
        self.weight = weight

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Compute the term for a batch; see the class."""
        check_has(tensordict, [*self.loss.actor_network.in_keys, "action", DEMONSTRATION])
        shown = tensordict.get("action")
        marked = tensordict.get(DEMONSTRATION)
        with set_exploration_type(ExplorationType.DETERMINISTIC):
            acted = evaluate(self.loss.actor_network, self.loss.actor_network_params, tensordict)
        action = acted.get("action")
        with torch.no_grad():
            own = policy_q(self.loss, tensordict.copy().set("action", action))
            kept = q_filter(policy_q(self.loss, tensordict), own, marked)
        cloning = self.weight * filtered_cloning(cloning_error(action, shown), kept, marked)
        return TensorDict({"loss_cloning": cloning, "cloned": kept.sum() / marked.sum().clamp(min=1)})
