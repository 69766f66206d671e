"""A loss's networks: their weights, and what they say with given weights."""

from __future__ import annotations

from collections.abc import Mapping

from tensordict import TensorDictBase
from tensordict.nn import ProbabilisticTensorDictSequential, TensorDictModuleBase
from torch import Tensor
from torchrl.envs.utils import ExplorationType, set_exploration_type
from torchrl.modules.distributions.utils import rsample_and_log_prob


def evaluate(network: TensorDictModuleBase, params: TensorDictBase, batch: TensorDictBase) -> TensorDictBase:
    """Inputs and outputs of a network; the batch is left as it is."""
    with params.to_module(network, preserve_module_state=False):
        return network(batch.select(*network.in_keys))


def sample_action(
    actor: ProbabilisticTensorDictSequential, params: TensorDictBase, batch: TensorDictBase
) -> tuple[Tensor, Tensor]:
    """A reparameterised action per state, ``(*batch, d)``, and its log density, ``(*batch)``."""
    with (
        set_exploration_type(ExplorationType.RANDOM),
        params.to_module(actor, preserve_module_state=False),
    ):
        return rsample_and_log_prob(actor.get_dist(batch.select(*actor.in_keys)))


def weights_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of all networks in a loss's ``state_dict``, without constants such as ``gamma``."""
    return {key: value for key, value in state.items() if "_params." in key}


def critics_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of all networks but the policy in a loss's ``state_dict``: Q, V, and the target networks.

    >>> from sher_rl import GoalDims, SoftMultiGoalLoss, make_networks
    >>> loss = SoftMultiGoalLoss(*make_networks(GoalDims(10, 3, 4)), alpha=0.05, gamma=0.98)
    >>> sorted({key.partition("_params.")[0] for key in critics_of(loss.state_dict())})
    ['qvalue_network', 'target_value_network', 'value_network']
    """
    return {key: value for key, value in weights_of(state).items() if not key.startswith("actor_network")}
