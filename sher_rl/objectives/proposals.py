"""Several actions in each state, and how likely they were: what soft values are estimated with."""

from __future__ import annotations

import torch
from tensordict import TensorDictBase
from tensordict.nn import TensorDictSequential
from torch import Tensor
from torchrl.envs.utils import ExplorationType, set_exploration_type

from sher_rl.errors import UsageError
from sher_rl.functional.soft_q import uniform_log_density
from sher_rl.functional.stein import squashed_log_density
from sher_rl.objectives.keys import SoftQKeys


def repeated(batch: TensorDictBase, count: int) -> TensorDictBase:
    """The batch ``count`` times, ``(count, *batch)``, without a copy of its values; keys can be added to it."""
    return batch.expand(count, *batch.batch_size).copy()


def draw(network: TensorDictSequential, params: TensorDictBase, batch: TensorDictBase, count: int) -> TensorDictBase:
    """``count`` draws of a sampler in each state of a batch, with all that it writes, ``(count, *batch)``."""
    with set_exploration_type(ExplorationType.RANDOM), params.to_module(network, preserve_module_state=False):
        return network(repeated(batch, count))


def propose_uniform(batch: TensorDictBase, keys: SoftQKeys, like: Tensor, count: int) -> tuple[TensorDictBase, float]:
    """``count`` actions in each state, uniform on [-1, 1] in the dimensions of ``like``, and their log density."""
    draws = repeated(batch, count)
    action = like.new_empty(count, *like.shape).uniform_(-1, 1)
    return draws.set(keys.action, action), uniform_log_density(like.shape[-1])


def propose_by(
    network: TensorDictSequential, params: TensorDictBase, batch: TensorDictBase, keys: SoftQKeys, count: int
) -> tuple[TensorDictBase, Tensor]:
    """``count`` actions of a sampler in each state, and their log density, ``(count, *batch)``.

    Raises:
        UsageError: the noise is not as large as the action.
    """
    draws = draw(network, params, batch, count)
    noise = draws.get(keys.noise).requires_grad_()
    if noise.shape != draws.get(keys.action).shape:
        sizes = f"{noise.shape[-1]} for actions of {draws.get(keys.action).shape[-1]}"
        raise UsageError(f"The sampler's noise has a size of {sizes}; use the same, or proposal='uniform'.")
    with torch.enable_grad(), params.to_module(network, preserve_module_state=False):
        raw = network[1:](draws).get(keys.raw_action)
        jacobian = _jacobian(raw, noise)
    draws = draws.apply(lambda values: values.detach())
    return draws, squashed_log_density(noise.detach(), jacobian, raw.detach())


def _jacobian(outputs: Tensor, inputs: Tensor) -> Tensor:
    sums = [column.sum() for column in outputs.unbind(-1)]
    rows = [torch.autograd.grad(column, inputs, retain_graph=True)[0] for column in sums]
    return torch.stack(rows, -2)
