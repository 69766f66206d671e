"""The network that tells an expert's transitions from an agent's, given the goal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from tensordict.nn import TensorDictModule
from torch import Tensor, nn
from torchrl.modules import MLP

from sher_rl.errors import UsageError
from sher_rl.modules.networks import STATE, GoalDims
from sher_rl.modules.norms import AnyGoalNorm, ObservationNorm

Outcome = Literal["next", "action"]
OUTCOMES = {"next": ("next", "observation"), "action": "action"}
"""What a discriminator reads beside state and goal, by name."""


class GoalDiscriminator(TensorDictModule):
    """D(s, g, s') or D(s, g, a): from raw transitions to ``expert_logit`` ``(*batch, 1)``, high for the expert's.

    Two hidden layers of 256 tanh units with orthogonal initial weights, as published. States and goals are normalised
    by the norms that the policy has.

    Args:
        dims: sizes of observation, goal and action.
        observation_norm: ``normalizer.observation`` of the policy's :class:`~sher_rl.GoalNormalizer`.
        goal_norm: its ``goal``.
        reads: what it sees of what was done: ``next``, the observation after it, or ``action``.
        part: of the observations that it sees. Leave out what gives an expert away without a bearing on the task.
        hidden: width of each hidden layer.

    Raises:
        UsageError: ``reads`` is another word, or ``part`` is empty.

    Ding et al., NeurIPS 2019, arXiv:1906.05838; the published code reads s' and, of Fetch's observations, the first 10.

    >>> import torch
    >>> from sher_rl.modules.norms import GoalNorm
    >>> dims = GoalDims(observation=10, goal=3, action=4)
    >>> discriminator = GoalDiscriminator(dims, ObservationNorm(10), GoalNorm(3), reads="action")
    >>> discriminator(torch.zeros(5, 10), torch.zeros(5, 3), torch.zeros(5, 4)).shape
    torch.Size([5, 1])
    """

    def __init__(
        self,
        dims: GoalDims,
        observation_norm: ObservationNorm,
        goal_norm: AnyGoalNorm,
        *,
        reads: Outcome = "next",
        part: slice = slice(None),
        hidden: Sequence[int] = (256, 256),
    ) -> None:
        if reads not in get_args(Outcome):
            raise UsageError(f"reads is {reads!r:.80}; use 'next' or 'action'.")
        seen = len(range(dims.observation)[part])
        if not seen:
            raise UsageError(f"part is {part}, which is nothing of {dims.observation} numbers; use a longer one.")
        state = Part(observation_norm, part)
        outcome, size = (state, seen) if reads == "next" else (nn.Identity(), dims.action)
        mlp = MLP(seen + dims.goal + size, 1, num_cells=list(hidden), activation_class=nn.Tanh)
        mlp.apply(_start_orthogonal)
        net = DiscriminatorNet(state, goal_norm, outcome, mlp)
        super().__init__(net, [*STATE, OUTCOMES[reads]], ["expert_logit"])


class DiscriminatorNet(nn.Module):
    """Views of observation, goal and outcome, joined, to one number."""

    def __init__(self, state: Part, goal_norm: AnyGoalNorm, outcome: nn.Module, mlp: MLP) -> None:
        super().__init__()
        self.state = state
        self.goal_norm = goal_norm
        self.outcome = outcome
        self.mlp = mlp

    def forward(self, observation: Tensor, desired_goal: Tensor, outcome: Tensor) -> Tensor:
        """The logit ``(*batch, 1)`` of raw inputs; ``outcome`` is the next observation, or the action."""
        return self.mlp(self.state(observation), self.goal_norm(observation, desired_goal), self.outcome(outcome))


class Part(nn.Module):
    """Some numbers of an observation, normalised."""

    def __init__(self, norm: ObservationNorm, part: slice) -> None:
        super().__init__()
        self.norm = norm
        self.part = part

    def forward(self, observation: Tensor) -> Tensor:
        """From ``(*batch, observation)`` to as many numbers as the part has."""
        return self.norm(observation)[..., self.part]


def _start_orthogonal(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.orthogonal_(module.weight)
        nn.init.zeros_(module.bias)
