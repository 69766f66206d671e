"""Networks of soft Q-learning for continuous actions: Q, and the sampler that acts."""

from __future__ import annotations

from collections.abc import Sequence

from tensordict import TensorDictBase
from tensordict.nn import TensorDictModule, TensorDictModuleBase, TensorDictSequential
from torch import Tensor, nn
from torchrl.envs.utils import ExplorationType, exploration_type
from torchrl.modules import MLP

from sher_rl.errors import check_counts
from sher_rl.modules.networks import STATE, GoalDims


class Noise(TensorDictModuleBase):
    """Writes ``noise``, a standard normal vector for each row of the batch, from torch's generator.

    Zeros where exploration is not random; it is by default.

    Args:
        size: of the vector.
        like: a key of the batch whose rows, device and dtype the noise has.

    >>> from tensordict import TensorDict
    >>> import torch
    >>> Noise(2, like="observation")(TensorDict(observation=torch.zeros(5, 3)))["noise"].shape
    torch.Size([5, 2])
    """

    def __init__(self, size: int, *, like: str) -> None:
        super().__init__()
        check_counts(size=size)
        self.in_keys = [like]
        self.out_keys = ["noise"]
        self.size = size

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Draw."""
        rows = tensordict.get(self.in_keys[0])
        noise = rows.new_empty(*rows.shape[:-1], self.size)
        random = exploration_type() in (ExplorationType.RANDOM, None)
        return tensordict.set("noise", noise.normal_() if random else noise.zero_())


class SamplerNet(nn.Module):
    r"""State, goal and noise to an action before tanh: :math:`f(\xi; s, g)` of soft Q-learning."""

    def __init__(self, dims: GoalDims, noise: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.mlp = _mlp(dims.observation + dims.goal + noise, dims.action, hidden)

    def forward(self, observation: Tensor, desired_goal: Tensor, noise: Tensor) -> Tensor:
        """Action before tanh, ``(*batch, d)``."""
        return self.mlp(observation, desired_goal, noise)


def make_soft_q_networks(
    dims: GoalDims, hidden: Sequence[int] = (256, 256, 256), *, noise: int | None = None
) -> tuple[TensorDictSequential, TensorDictModule]:
    r"""Build the sampler :math:`a = \tanh f(\xi; s, g)` and the Q of soft Q-learning, ReLU networks.

    Both read ``observation`` and ``desired_goal``. The sampler draws ``noise`` :math:`\xi`, and writes ``raw_action``
    :math:`f` and ``action``. Where exploration is not random the noise is 0, and the action in none of the modes:
    prefer :class:`~sher_rl.BestOfSamples` to evaluate. Q writes ``state_action_value``, ``(*batch, 1)``
    (arXiv:1702.08165, section 3.3).

    Args:
        dims: sizes of observation, goal and action.
        hidden: width of each hidden layer.

    Keyword Args:
        noise: size of :math:`\xi`; the action's by default.

    Returns:
        Sampler, Q. For :class:`~sher_rl.SoftQLoss`.

    >>> import torch
    >>> sampler, qvalue = make_soft_q_networks(GoalDims(10, 3, 4))
    >>> actions = sampler(observation=torch.zeros(5, 10), desired_goal=torch.zeros(5, 3))[-1]
    >>> actions.shape, bool((actions.abs() <= 1).all())
    (torch.Size([5, 4]), True)
    """
    size = dims.action if noise is None else noise
    sampler = TensorDictSequential(
        Noise(size, like="observation"),
        TensorDictModule(SamplerNet(dims, size, hidden), [*STATE, "noise"], ["raw_action"]),
        TensorDictModule(nn.Tanh(), ["raw_action"], ["action"]),
    )
    qvalue = TensorDictModule(_mlp(sum(dims), 1, hidden), [*STATE, "action"], ["state_action_value"])
    return sampler, qvalue


def _mlp(inputs: int, outputs: int, hidden: Sequence[int]) -> MLP:
    return MLP(in_features=inputs, out_features=outputs, num_cells=list(hidden), activation_class=nn.ReLU)
