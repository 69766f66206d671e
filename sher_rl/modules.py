"""Actor, Q and V over the concatenation of state and goal, and the policy file that works alone."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tensordict.nn import TensorDictModule
from torch import Tensor, nn
from torchrl.envs import EnvBase
from torchrl.envs.utils import ExplorationType, exploration_type
from torchrl.modules import MLP, ProbabilisticActor, TanhNormal

from sher_rl.errors import UsageError
from sher_rl.files import digest, replace_file
from sher_rl.functional import policy_scale

POLICY_FORMAT = "sher_rl.policy/2"


class GoalDims(NamedTuple):
    """Sizes of a goal environment's vectors.

    >>> GoalDims(observation=10, goal=3, action=4).goal
    3
    """

    observation: int
    goal: int
    action: int

    @classmethod
    def of(cls, env: EnvBase) -> GoalDims:
        """Read the sizes from an environment's specs."""
        return cls(
            env.observation_spec["observation"].shape[-1],
            env.observation_spec["desired_goal"].shape[-1],
            env.full_action_spec["action"].shape[-1],
        )


class RunningNorm(nn.Module):
    """Normalise vectors by the mean and standard deviation of everything seen so far, as HER's baselines do.

    Raw values are clipped to ±200, the deviation is at least 0.01, and the result is clipped to ±5
    (openai/baselines, her/normalizer.py). Before the first :meth:`update` only the clipping acts.

    Args:
        size: length of the vectors.

    >>> norm = RunningNorm(1)
    >>> norm.update(torch.tensor([[1.0], [3.0]]))
    >>> norm(torch.tensor([[3.0], [900.0]]))
    tensor([[1.],
            [5.]])
    """

    raw_clip, floor, clip = 200.0, 0.01, 5.0
    count: Tensor
    total: Tensor
    total_square: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("total", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("total_square", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))

    def forward(self, value: Tensor) -> Tensor:
        """Normalise ``(*batch, size)`` float32."""
        clipped = value.clamp(-self.raw_clip, self.raw_clip)
        return ((clipped - self.mean) / self.std).clamp(-self.clip, self.clip)

    @torch.no_grad()
    def update(self, value: Tensor) -> None:
        """Add raw vectors ``(*batch, size)`` to the statistics."""
        rows = value.reshape(-1, value.shape[-1]).clamp(-self.raw_clip, self.raw_clip).double()
        self.count += len(rows)
        self.total += rows.sum(0)
        self.total_square += rows.square().sum(0)
        mean = self.total / self.count
        variance = self.total_square / self.count - mean.square()
        self.mean.copy_(mean)
        self.std.copy_(variance.clamp_min(self.floor**2).sqrt())


class _ActorNet(nn.Module):
    """State and goal to the location and scale of a Gaussian, one per action dimension."""

    def __init__(self, dims: GoalDims, hidden: Sequence[int]) -> None:
        super().__init__()
        self.mlp = _mlp(dims.observation + dims.goal, 2 * dims.action, hidden)

    def forward(self, observation: Tensor, desired_goal: Tensor) -> tuple[Tensor, Tensor]:
        loc, raw = self.mlp(observation, desired_goal).chunk(2, -1)
        return loc, policy_scale(raw)


class _PolicyNet(nn.Module):
    """The actor net behind the normalisers, from raw state and goal to the action."""

    def __init__(self, observation_norm: RunningNorm, goal_norm: RunningNorm, actor_net: nn.Module) -> None:
        super().__init__()
        self.observation_norm, self.goal_norm, self.actor_net = observation_norm, goal_norm, actor_net

    def forward(self, observation: Tensor, desired_goal: Tensor) -> Tensor:
        loc, scale = self.actor_net(self.observation_norm(observation), self.goal_norm(desired_goal))
        if exploration_type() is ExplorationType.RANDOM:
            loc = loc + scale * torch.randn_like(loc)
        return loc.tanh()


def make_networks(
    dims: GoalDims, hidden: Sequence[int] = (256, 256, 256)
) -> tuple[ProbabilisticActor, TensorDictModule, TensorDictModule]:
    """Build actor, Q and V as ReLU networks over the concatenated inputs, the first UVFA architecture.

    All three read *normalised* ``observation`` and ``desired_goal``. The actor is a tanh-Gaussian of scale
    1 at the start, Q writes ``state_action_value`` and V ``state_value``, both ``(*batch, 1)``.

    Args:
        dims: sizes of observation, goal and action.
        hidden: width of each hidden layer.

    >>> actor, qvalue, value = make_networks(GoalDims(10, 3, 4))
    >>> q = qvalue(observation=torch.zeros(5, 10), action=torch.zeros(5, 4), desired_goal=torch.zeros(5, 3))
    >>> q.shape
    torch.Size([5, 1])
    """
    state = dims.observation + dims.goal
    qvalue = TensorDictModule(
        _mlp(state + dims.action, 1, hidden),
        in_keys=["observation", "desired_goal", "action"],
        out_keys=["state_action_value"],
    )
    value = TensorDictModule(_mlp(state, 1, hidden), in_keys=["observation", "desired_goal"], out_keys=["state_value"])
    return _tanh_gaussian(_ActorNet(dims, hidden)), qvalue, value


def make_policy(observation_norm: RunningNorm, goal_norm: RunningNorm, actor: ProbabilisticActor) -> TensorDictModule:
    """Put the normalisers in front of an actor of :func:`make_networks`; weights and statistics are shared.

    Returns:
        Module from raw ``observation`` and ``desired_goal`` to ``action`` in [-1, 1]: the mode, or a
        sample under ``set_exploration_type(ExplorationType.RANDOM)``.

    >>> actor, _, _ = make_networks(GoalDims(10, 3, 4))
    >>> policy = make_policy(RunningNorm(10), RunningNorm(3), actor)
    >>> policy(observation=torch.zeros(5, 10), desired_goal=torch.zeros(5, 3)).shape
    torch.Size([5, 4])
    """
    net = _PolicyNet(observation_norm, goal_norm, actor.module[0].module)
    return TensorDictModule(net, in_keys=["observation", "desired_goal"], out_keys=["action"])


def save_policy(path: str | Path, policy: TensorDictModule, env_id: str) -> None:
    """Write a policy of :func:`make_policy` to ``path``, whole or not at all.

    Args:
        path: file to write; a temporary neighbour is renamed over it.
        policy: the policy, with its normalisers.
        env_id: the task it was trained on, for ``python -m sher_rl.play``.

    Raises:
        UsageError: the disk is full, or the folder cannot be written.
    """
    state = {key: tensor.cpu() for key, tensor in policy.state_dict().items()}
    hidden = [weight.shape[0] for key, weight in state.items() if key.endswith("weight")][:-1]
    saved = {"format": POLICY_FORMAT, "env_id": env_id, "hidden": hidden, "state_dict": state}
    content = io.BytesIO()
    torch.save({**saved, "sha256": _checksum(saved)}, content)
    replace_file(Path(path), content.getvalue())


def _checksum(saved: Mapping[str, Any]) -> str:
    """Of a policy file's values, since torch checks none of those it reads."""
    state = saved["state_dict"]
    facts = json.dumps([saved["format"], saved["env_id"], saved["hidden"], *state])
    return digest([facts.encode(), *(value.contiguous().reshape(-1).numpy() for value in state.values())])


def load_policy(path: str | Path) -> TensorDictModule:
    """Read a policy file; needs neither MuJoCo nor an environment, and unpickles nothing.

    Args:
        path: a ``policy.pt``, or the run folder that holds one.

    Returns:
        Module from ``observation`` and ``desired_goal`` to ``action``, with the trained task's id as
        ``env_id``. See :func:`make_policy`.

    Raises:
        UsageError: there is no such file, or it is no policy of this package.
    """
    path = Path(path)
    path = path / "policy.pt" if path.is_dir() else path
    if not path.is_file():
        raise UsageError(f"path {str(path)!r} is no file; give a policy.pt or the run folder that holds one.")
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        state = saved["state_dict"]
        observation_norm, goal_norm = (
            RunningNorm(len(state[f"module.{name}_norm.mean"])) for name in ("observation", "goal")
        )
        last_bias = [bias for key, bias in state.items() if key.endswith("bias")][-1]
        dims = GoalDims(len(observation_norm.mean), len(goal_norm.mean), len(last_bias) // 2)
        actor = _tanh_gaussian(_ActorNet(dims, saved["hidden"]))
        policy = make_policy(observation_norm, goal_norm, actor)
        policy.load_state_dict(state)
        policy.env_id = str(saved["env_id"])
        known = saved["format"] == POLICY_FORMAT
        if known and saved["sha256"] != _checksum(saved):
            raise ValueError("its values do not match their checksum")
    except Exception as error:  # a damaged or crafted file can make torch.load raise anything
        raise UsageError(f"path {str(path)!r} holds no policy that save_policy wrote ({error!r:.80}).") from error
    if not known:
        raise UsageError(f"path {str(path)!r} has policy format {saved['format']!r}; known is {POLICY_FORMAT!r}.")
    return policy.requires_grad_(False)


def _mlp(inputs: int, outputs: int, hidden: Sequence[int]) -> MLP:
    return MLP(in_features=inputs, out_features=outputs, num_cells=list(hidden), activation_class=nn.ReLU)


def _tanh_gaussian(net: nn.Module) -> ProbabilisticActor:
    return ProbabilisticActor(
        TensorDictModule(net, in_keys=["observation", "desired_goal"], out_keys=["loc", "scale"]),
        in_keys=["loc", "scale"],
        distribution_class=TanhNormal,
        default_interaction_type=ExplorationType.DETERMINISTIC,
    )
