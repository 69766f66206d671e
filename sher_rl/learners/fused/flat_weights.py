"""Networks of a loss in one vector, which Adam and the products of :mod:`sher_rl.learners.fused.layers` work on."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from tensordict import TensorDictParams
from torch import Tensor, nn
from torchrl.objectives import LossModule

from sher_rl.learners.fused.layers import Layers

Pairs = list[tuple[nn.Parameter, nn.Parameter]]


class FlatNetworks:
    """Networks of a loss as one float32 ``vector``, and the same as stacked ``layers`` of another dtype.

    ``master_layers`` are those of the vector itself, and ``parameters`` the loss's own, in its order.

    Args:
        loss: its parameters become views of the vector.
        names: of the networks, in order.
        dtype: of the layers, a copy that follows the vector at :meth:`lower`.
        scalars: other parameters, at the vector's end.
    """

    def __init__(
        self, loss: LossModule, names: Iterable[str], dtype: torch.dtype, scalars: Iterable[nn.Parameter] = ()
    ) -> None:
        self._pairs = {name: _layer_pairs(getattr(loss, f"{name}_params")) for name in names}
        self.parameters = [*(p for network in self._pairs.values() for p in _in_order(network)), *scalars]
        self.vector = _flatten(self.parameters)
        self._low = self.vector.detach().to(dtype, copy=True)
        self.layers = self._layers_of(self._low)
        self.master_layers = self._layers_of(self.vector.detach())

    @property
    def parts(self) -> dict[str, Tensor]:
        """The vector's parts, by network."""
        return self._parts_of(self.vector.detach())

    def lower(self) -> None:
        """Bring the layers to the vector's values."""
        self._low.copy_(self.vector.detach())

    def _parts_of(self, flat: Tensor) -> dict[str, Tensor]:
        sizes = [sum(p.numel() for p in _in_order(network)) for network in self._pairs.values()]
        return dict(zip(self._pairs, flat[: sum(sizes)].split(sizes), strict=True))

    def _layers_of(self, flat: Tensor) -> list[Layers]:
        return [_layers(part, self._pairs[name]) for name, part in self._parts_of(flat).items()]


def _layer_pairs(params: TensorDictParams) -> Pairs:
    leaves = dict(params.items(True, True))
    weights = sorted((key for key in leaves if key[-1] == "weight"), key=lambda key: int(key[-2]))
    return [(leaves[key], leaves[(*key[:-1], "bias")]) for key in weights]


def _in_order(pairs: Pairs) -> list[nn.Parameter]:
    return [parameter for pair in pairs for parameter in pair]


def _flatten(parameters: list[nn.Parameter]) -> nn.Parameter:
    """Move parameters into one vector, of which they become views."""
    flat = nn.Parameter(torch.cat([p.detach().flatten() for p in parameters]))
    for parameter, part in zip(parameters, flat.detach().split([p.numel() for p in parameters]), strict=True):
        parameter.data = part.view(parameter.shape)
    return flat


def _layers(flat: Tensor, pairs: Pairs) -> Layers:
    """Views of a vector, shaped as the layers of ``pairs``."""
    parts = iter(flat.split([p.numel() for p in _in_order(pairs)]))
    layers = []
    for weight, _ in pairs:
        outputs, inputs = weight.shape[-2:]
        layers.append((next(parts).view(-1, outputs, inputs), next(parts).view(-1, 1, outputs)))
    return layers
