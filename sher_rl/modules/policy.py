"""What acts: normalisers and an actor as one module, and exploration behind it."""

from __future__ import annotations

from typing import get_args

from tensordict.nn import TensorDictModule, TensorDictModuleBase, TensorDictSequential
from torch import Tensor, nn
from torchrl.envs import EnvBase
from torchrl.modules import AdditiveGaussianModule, EGreedyModule

from sher_rl.errors import UsageError
from sher_rl.modules.networks import STATE, DeterministicNet, GaussianNet
from sher_rl.modules.norms import AnyGoalNorm, ObservationNorm


class PolicyNet(nn.Module):
    """The actor net behind the normalisers, from raw state and goal to the action."""

    def __init__(
        self,
        observation_norm: ObservationNorm,
        goal_norm: AnyGoalNorm,
        actor_net: GaussianNet | DeterministicNet,
    ) -> None:
        super().__init__()
        self.observation_norm = observation_norm
        self.goal_norm = goal_norm
        self.actor_net = actor_net

    def forward(self, observation: Tensor, desired_goal: Tensor) -> Tensor:
        """Action ``(*batch, d)`` in [-1, 1], of float32 or float64 inputs on any device."""
        observation = observation.to(self.observation_norm.mean)
        desired_goal = desired_goal.to(self.goal_norm.mean)
        goal = self.goal_norm(observation, desired_goal)
        return self.actor_net.act(self.observation_norm(observation), goal)


def make_policy(
    observation_norm: ObservationNorm, goal_norm: AnyGoalNorm, actor: TensorDictModuleBase
) -> TensorDictModule:
    """Put the normalisers in front of an actor of this module; weights and statistics are shared.

    Args:
        observation_norm: of vectors as long as the observation.
        goal_norm: of vectors as long as the goal, or :class:`~sher_rl.PoseNorm` or :class:`~sher_rl.RelayNorm`.
        actor: from :func:`~sher_rl.make_networks` or :func:`~sher_rl.make_ddpg_networks`.

    Returns:
        Module from raw ``observation`` and ``desired_goal`` to ``action`` ``(*batch, d)`` in [-1, 1]. Of a Gaussian
        it is the mode, or a sample under ``set_exploration_type(ExplorationType.RANDOM)``.

    Raises:
        UsageError: the actor or the goal's norm is from elsewhere.

    >>> import torch
    >>> from sher_rl import GoalDims, make_networks
    >>> from sher_rl.modules.norms import GoalNorm
    >>> actor, _, _ = make_networks(GoalDims(10, 3, 4))
    >>> policy = make_policy(ObservationNorm(10), GoalNorm(3), actor)
    >>> policy(observation=torch.zeros(5, 10), desired_goal=torch.zeros(5, 3)).shape
    torch.Size([5, 4])
    """
    actor_net = next((net for net in actor.modules() if isinstance(net, GaussianNet | DeterministicNet)), None)
    if actor_net is None:
        raise UsageError("actor holds no net of this package; make it with make_networks or make_ddpg_networks.")
    if type(goal_norm) not in get_args(AnyGoalNorm):
        names = ", ".join(norm.__name__ for norm in get_args(AnyGoalNorm))
        raise UsageError(f"goal_norm is a {type(goal_norm).__name__}; use one of {names}.")
    return TensorDictModule(PolicyNet(observation_norm, goal_norm, actor_net), STATE, ["action"])


def make_explorer(
    policy: TensorDictModuleBase, env: EnvBase, *, random_action: float, noise: float = 0.0
) -> TensorDictSequential:
    """Put exploration behind a policy, in the order of HER's baselines.

    Args:
        policy: writes ``action``.
        env: the actions' bounds.
        random_action: probability that an environment's action is uniformly random instead.
        noise: standard deviation of Gaussian noise, added first; the sum is clipped to the bounds.

    Returns:
        Module that writes ``action`` and, under ``ExplorationType.DETERMINISTIC``, leaves it as the policy gave it
        (openai/baselines, her/ddpg.py).

    >>> from sher_rl import GoalDims, make_ddpg_networks, make_env
    >>> from sher_rl.modules.norms import GoalNorm
    >>> env = make_env("FetchReach-v4", num_envs=2)
    >>> actor, _ = make_ddpg_networks(GoalDims.of(env))
    >>> policy = make_policy(ObservationNorm(10), GoalNorm(3), actor)
    >>> explorer = make_explorer(policy, env, random_action=0.3, noise=0.2)
    >>> env.rollout(5, explorer)["action"].abs().max() <= 1
    tensor(True)
    """
    spec = env.full_action_spec["action"]
    steps = [policy]
    if noise:
        steps.append(AdditiveGaussianModule(spec, sigma_init=noise, sigma_end=noise))
    return TensorDictSequential(*steps, EGreedyModule(spec, eps_init=random_action, eps_end=random_action))
