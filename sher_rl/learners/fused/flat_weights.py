"""Networks of a loss in one vector, which Adam and the products of :mod:`sher_rl.learners.fused.layers` work on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import torch
from tensordict import TensorDictParams
from torch import Tensor, nn
from torchrl.objectives import LossModule

from sher_rl.learners.fused.layers import Layers, Network

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
        self._pairs = {name: _stacks(getattr(loss, f"{name}_params")) for name in names}
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

    def _layers_of(self, flat: Tensor) -> list[Network]:
        return [_network(part, self._pairs[name]) for name, part in self._parts_of(flat).items()]


def _stacks(params: TensorDictParams) -> list[Pairs]:
    """Weights and biases of each stack of a network, layer by layer; the stacks as the module has them."""
    leaves = dict(params.items(True, True))
    layers: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for *stack, layer, kind in leaves:
        if kind == "weight":
            layers[tuple(stack)].append(int(layer))
    return [
        [(leaves[(*stack, str(i), "weight")], leaves[(*stack, str(i), "bias")]) for i in sorted(numbers)]
        for stack, numbers in layers.items()
    ]


def _in_order(stacks: list[Pairs]) -> list[nn.Parameter]:
    return [parameter for pairs in stacks for pair in pairs for parameter in pair]


def _flatten(parameters: list[nn.Parameter]) -> nn.Parameter:
    """Move parameters into one vector, of which they become views."""
    flat = nn.Parameter(torch.cat([p.detach().flatten() for p in parameters]))
    for parameter, part in zip(parameters, flat.detach().split([p.numel() for p in parameters]), strict=True):
        parameter.data = part.view(parameter.shape)
    return flat


def _network(flat: Tensor, stacks: list[Pairs]) -> Network:
    """Views of a vector, shaped as the layers of each stack."""
    parts = iter(flat.split([p.numel() for p in _in_order(stacks)]))
    return [_layers(parts, pairs) for pairs in stacks]


def _layers(parts: Iterator[Tensor], pairs: Pairs) -> Layers:
    layers = []
    for weight, _ in pairs:
        outputs, inputs = weight.shape[-2:]
        layers.append((next(parts).view(-1, outputs, inputs), next(parts).view(-1, 1, outputs)))
    return layers
