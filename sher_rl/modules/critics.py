"""Q and V of two streams: the architectures of Universal Value Function Approximators beside the concatenated one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from tensordict.nn import TensorDictModule
from torch import Tensor, nn

from sher_rl.errors import UsageError
from sher_rl.modules.networks import STATE, GoalDims, Networks, make_actor, make_mlp

INPUTS = (*STATE, "action")
"""What a critic reads, in the order of :class:`~sher_rl.GoalDims`; V has no action."""


class Reads(NamedTuple):
    """Which inputs each of two streams reads; the action, if any, is the last of the first stream's.

    >>> TWO_STREAM_Q.second
    ('desired_goal',)
    """

    first: tuple[str, ...]
    second: tuple[str, ...]


TWO_STREAM_V = Reads(("observation",), ("desired_goal",))
TWO_STREAM_Q = Reads(("observation", "action"), ("desired_goal",))
BILINEAR_V = Reads(("observation",), tuple(STATE))
BILINEAR_Q = Reads(("observation", "action"), tuple(STATE))


class DotProduct(nn.Module):
    """Dot product of two embeddings, which has no weights: ``(*batch, n), (*batch, n) -> (*batch, 1)``.

    >>> DotProduct()(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    tensor([11.])
    """

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Multiply and add up."""
        return (first * second).sum(-1, keepdim=True)


class TwoStreamCritic(nn.Module):
    """A critic that embeds two parts of its input apart, each in a ReLU network, and joins the embeddings to a value.

    With ``TWO_STREAM_Q`` and a dot product it is φ(s, a) · ψ(g), the two-stream architecture of Schaul et al.
    (Universal Value Function Approximators, ICML 2015, figure 1); with ``BILINEAR_Q`` it is f(s, a) · φ(s, g), the
    bilinear value network of Hong et al. (arXiv:2204.13695). ``TWO_STREAM_V`` and ``BILINEAR_V`` are without action.

    Args:
        dims: sizes of observation, goal and action.
        reads: what each stream reads.
        hidden: width of each hidden layer, in each stream.
        embedding: size of each embedding; of a dot product also the rank that a table of its values has at most.
        join: from two embeddings ``(*batch, embedding)`` to ``(*batch, 1)``, :class:`DotProduct` or an ``MLP``.

    Raises:
        UsageError: ``embedding`` is below 1.

    >>> critic = TwoStreamCritic(GoalDims(10, 3, 4), TWO_STREAM_Q, (64, 64), 16, DotProduct())
    >>> critic(torch.zeros(5, 10), torch.zeros(5, 3), torch.zeros(5, 4)).shape
    torch.Size([5, 1])
    """

    def __init__(self, dims: GoalDims, reads: Reads, hidden: Sequence[int], embedding: int, join: nn.Module) -> None:
        super().__init__()
        if embedding < 1:
            raise UsageError(f"embedding is {embedding}; use at least 1.")
        sizes = dict(zip(INPUTS, dims, strict=True))
        self.reads = reads
        self.streams = nn.ModuleList(make_mlp(sum(sizes[key] for key in keys), embedding, hidden) for keys in reads)
        self.join = join

    def forward(self, *inputs: Tensor) -> Tensor:
        """Value ``(*batch, 1)`` of observation, goal and, where a stream reads it, action: ``(*batch, n)`` each."""
        return self.join(*self.embed(*inputs))

    def embed(self, *inputs: Tensor) -> list[Tensor]:
        """Both embeddings, ``(*batch, embedding)`` each, of the same inputs."""
        given = dict(zip(INPUTS, inputs, strict=False))
        parts = [torch.cat([given[key] for key in keys], -1) for keys in self.reads]
        return [stream(part) for stream, part in zip(self.streams, parts, strict=True)]


def make_two_stream_networks(dims: GoalDims, hidden: Sequence[int] = (256, 256, 256), embedding: int = 16) -> Networks:
    """Build the actor of :func:`~sher_rl.make_networks`, Q = φ(s, a) · ψ(g) and V = φ(s) · ψ(g).

    All read and write what those of :func:`~sher_rl.make_networks` do, and stand in their place (Schaul et al.,
    Universal Value Function Approximators, ICML 2015).

    Args:
        dims: sizes of observation, goal and action.
        hidden: width of each hidden layer, of the actor and of each stream.
        embedding: size of φ and ψ.

    Returns:
        Actor, Q, V.

    Raises:
        UsageError: ``embedding`` is below 1.

    >>> actor, qvalue, value = make_two_stream_networks(GoalDims(10, 3, 4))
    >>> value(observation=torch.zeros(5, 10), desired_goal=torch.zeros(5, 3)).shape
    torch.Size([5, 1])
    """
    qvalue = TwoStreamCritic(dims, TWO_STREAM_Q, hidden, embedding, DotProduct())
    value = TwoStreamCritic(dims, TWO_STREAM_V, hidden, embedding, DotProduct())
    return make_actor(dims, hidden), _as_qvalue(qvalue), _as_value(value)


def make_merged_networks(dims: GoalDims, hidden: Sequence[int] = (256, 256, 256), embedding: int = 16) -> Networks:
    """As :func:`make_two_stream_networks`, but a network with one hidden layer joins φ and ψ.

    The hidden layer is as wide as the last of ``hidden`` (Schaul et al., ICML 2015, where h is any function of φ and
    ψ).

    >>> actor, qvalue, value = make_merged_networks(GoalDims(10, 3, 4), hidden=(64, 64))
    >>> value(observation=torch.zeros(5, 10), desired_goal=torch.zeros(5, 3)).shape
    torch.Size([5, 1])
    """
    qvalue = TwoStreamCritic(dims, TWO_STREAM_Q, hidden, embedding, make_mlp(2 * embedding, 1, hidden[-1:]))
    value = TwoStreamCritic(dims, TWO_STREAM_V, hidden, embedding, make_mlp(2 * embedding, 1, hidden[-1:]))
    return make_actor(dims, hidden), _as_qvalue(qvalue), _as_value(value)


def make_bilinear_networks(dims: GoalDims, hidden: Sequence[int] = (256, 256, 256), embedding: int = 16) -> Networks:
    """As :func:`make_two_stream_networks`, but the second stream sees the state, too.

    Q = f(s, a) · φ(s, g) and V = f(s) · φ(s, g): the bilinear value network of Hong et al. (arXiv:2204.13695), whose
    embedding of 16 is the default here.

    >>> actor, qvalue, value = make_bilinear_networks(GoalDims(10, 3, 4))
    >>> value(observation=torch.zeros(5, 10), desired_goal=torch.zeros(5, 3)).shape
    torch.Size([5, 1])
    """
    qvalue = TwoStreamCritic(dims, BILINEAR_Q, hidden, embedding, DotProduct())
    value = TwoStreamCritic(dims, BILINEAR_V, hidden, embedding, DotProduct())
    return make_actor(dims, hidden), _as_qvalue(qvalue), _as_value(value)


def _as_qvalue(net: nn.Module) -> TensorDictModule:
    return TensorDictModule(net, in_keys=list(INPUTS), out_keys=["state_action_value"])


def _as_value(net: nn.Module) -> TensorDictModule:
    return TensorDictModule(net, in_keys=STATE, out_keys=["state_value"])
