"""A loss's networks, evaluated with given weights."""

from __future__ import annotations

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
