"""Actor, Q and V over the concatenation of state and goal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from tensordict.nn import TensorDictModule
from torch import Tensor, nn
from torchrl.envs import EnvBase
from torchrl.envs.utils import ExplorationType, exploration_type
from torchrl.modules import MLP, ProbabilisticActor, TanhNormal

from sher_rl.errors import UsageError
from sher_rl.functional.tanh_gaussian import policy_scale

STATE = ["observation", "desired_goal"]
Networks = tuple[ProbabilisticActor, TensorDictModule, TensorDictModule]
"""Actor, Q and V."""


class GoalDims(NamedTuple):
    """Sizes of a goal environment's vectors: ``observation``, ``goal`` and ``action``.

    >>> GoalDims(observation=10, goal=3, action=4).goal
    3
    """

    observation: int
    goal: int
    action: int

    @classmethod
    def of(cls, env: EnvBase) -> GoalDims:
        """Read the sizes from an environment's specs.

        Raises:
            UsageError: it has no goals.
        """
        keys = set(env.observation_spec.keys())
        missing = [key for key in STATE if key not in keys]
        if missing:
            raise UsageError(f"env has no {missing[0]!r} in its observation_spec; use a goal environment.")
        return cls(
            env.observation_spec["observation"].shape[-1],
            env.observation_spec["desired_goal"].shape[-1],
            env.full_action_spec["action"].shape[-1],
        )


class GaussianNet(nn.Module):
    """State and goal to the location and scale of a Gaussian, one per action dimension."""

    outputs = 2

    def __init__(self, dims: GoalDims, hidden: Sequence[int]) -> None:
        super().__init__()
        self.mlp = make_mlp(dims.observation + dims.goal, self.outputs * dims.action, hidden)

    def forward(self, observation: Tensor, desired_goal: Tensor) -> tuple[Tensor, Tensor]:
        """Location and scale, ``(*batch, d)`` each, before tanh."""
        loc, raw = self.mlp(observation, desired_goal).chunk(2, -1)
        return loc, policy_scale(raw)

    def act(self, observation: Tensor, desired_goal: Tensor) -> Tensor:
        """Action: the mode, or a sample where exploration is random."""
        loc, scale = self(observation, desired_goal)
        if exploration_type() is ExplorationType.RANDOM:
            loc = loc + scale * torch.randn_like(loc)
        return loc.tanh()


class DeterministicNet(nn.Module):
    """State and goal to one action."""

    outputs = 1

    def __init__(self, dims: GoalDims, hidden: Sequence[int]) -> None:
        super().__init__()
        self.mlp = make_mlp(dims.observation + dims.goal, self.outputs * dims.action, hidden)

    def forward(self, observation: Tensor, desired_goal: Tensor) -> Tensor:
        """Action ``(*batch, d)`` in [-1, 1]."""
        return self.mlp(observation, desired_goal).tanh()

    act = forward


def make_networks(dims: GoalDims, hidden: Sequence[int] = (256, 256, 256)) -> Networks:
    """Build actor, Q and V as ReLU networks over the concatenated inputs, the first UVFA architecture.

    :func:`~sher_rl.make_two_stream_networks`, :func:`~sher_rl.make_merged_networks` and
    :func:`~sher_rl.make_bilinear_networks` build the others.

    All three read *normalised* ``observation`` and ``desired_goal``. The actor is a tanh-Gaussian of scale
    1 at the start, Q writes ``state_action_value`` and V ``state_value``, both ``(*batch, 1)`` (Schaul et al.,
    Universal Value Function Approximators, ICML 2015).

    Args:
        dims: sizes of observation, goal and action.
        hidden: width of each hidden layer.

    Returns:
        Actor, Q, V. For :class:`~sher_rl.SoftMultiGoalLoss`, which makes two Qs of the one.

    >>> actor, qvalue, value = make_networks(GoalDims(10, 3, 4))
    >>> q = qvalue(observation=torch.zeros(5, 10), action=torch.zeros(5, 4), desired_goal=torch.zeros(5, 3))
    >>> q.shape
    torch.Size([5, 1])
    """
    v = make_mlp(dims.observation + dims.goal, 1, hidden)
    value = TensorDictModule(v, in_keys=STATE, out_keys=["state_value"])
    return make_actor(dims, hidden), _qvalue(dims, hidden), value


def make_ddpg_networks(
    dims: GoalDims, hidden: Sequence[int] = (256, 256, 256)
) -> tuple[TensorDictModule, TensorDictModule]:
    """Build the deterministic actor and the Q of HER's baselines, ReLU networks with Xavier's initial weights.

    Both read *normalised* ``observation`` and ``desired_goal``; the actor writes ``action`` in [-1, 1], Q writes
    ``state_action_value``, ``(*batch, 1)`` (openai/baselines, her/actor_critic.py).

    Args:
        dims: sizes of observation, goal and action.
        hidden: width of each hidden layer.

    Returns:
        Actor, Q. For :class:`~sher_rl.MultiGoalDDPGLoss`.

    >>> actor, qvalue = make_ddpg_networks(GoalDims(10, 3, 4))
    >>> actor(observation=torch.zeros(5, 10), desired_goal=torch.zeros(5, 3))
    tensor([[0., 0., 0., 0.],
            [0., 0., 0., 0.],
            [0., 0., 0., 0.],
            [0., 0., 0., 0.],
            [0., 0., 0., 0.]], grad_fn=<TanhBackward0>)
    """
    actor = TensorDictModule(DeterministicNet(dims, hidden), STATE, ["action"])
    qvalue = _qvalue(dims, hidden)
    actor.apply(_start_as_xavier)
    qvalue.apply(_start_as_xavier)
    return actor, qvalue


def _start_as_xavier(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


def make_mlp(inputs: int, outputs: int, hidden: Sequence[int]) -> MLP:
    """Linear layers with a ReLU after each but the last."""
    return MLP(in_features=inputs, out_features=outputs, num_cells=list(hidden), activation_class=nn.ReLU)


def _qvalue(dims: GoalDims, hidden: Sequence[int]) -> TensorDictModule:
    mlp = make_mlp(sum(dims), 1, hidden)
    return TensorDictModule(mlp, in_keys=[*STATE, "action"], out_keys=["state_action_value"])


def make_actor(dims: GoalDims, hidden: Sequence[int]) -> ProbabilisticActor:
    """The tanh-Gaussian actor of :func:`make_networks`, alone."""
    return ProbabilisticActor(
        TensorDictModule(GaussianNet(dims, hidden), in_keys=STATE, out_keys=["loc", "scale"]),
        in_keys=["loc", "scale"],
        distribution_class=TanhNormal,
        default_interaction_type=ExplorationType.DETERMINISTIC,
    )
