"""What acts: normalisers and an actor as one module, exploration behind it, and the file that works alone."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tensordict.nn import TensorDictModule, TensorDictModuleBase, TensorDictSequential
from torch import Tensor, nn
from torchrl.envs import EnvBase
from torchrl.modules import AdditiveGaussianModule, EGreedyModule

from sher_rl.errors import UsageError
from sher_rl.files import digest, replace_file
from sher_rl.modules.networks import STATE, DeterministicNet, GaussianNet, GoalDims, PoseNorm, RunningNorm

_PRETRAINED = Path(__file__).with_name("pretrained")
POLICY_FORMAT = "sher_rl.policy/3"
_KNOWN_FORMATS = ("sher_rl.policy/2", POLICY_FORMAT)  # the older one has no goal_norm, it was always RunningNorm
_ACTOR_NETS = {net.__name__: net for net in (GaussianNet, DeterministicNet)}
_GOAL_NORMS = {norm.__name__: norm for norm in (RunningNorm, PoseNorm)}


class _PolicyNet(nn.Module):
    """The actor net behind the normalisers, from raw state and goal to the action."""

    def __init__(
        self, observation_norm: RunningNorm, goal_norm: RunningNorm, actor_net: GaussianNet | DeterministicNet
    ) -> None:
        super().__init__()
        self.observation_norm, self.goal_norm, self.actor_net = observation_norm, goal_norm, actor_net

    def forward(self, observation: Tensor, desired_goal: Tensor) -> Tensor:
        goal = self.goal_norm(self.goal_norm.features(observation, desired_goal))
        return self.actor_net.act(self.observation_norm(observation), goal)


def make_policy(observation_norm: RunningNorm, goal_norm: RunningNorm, actor: TensorDictModuleBase) -> TensorDictModule:
    """Put the normalisers in front of an actor of this module; weights and statistics are shared.

    Args:
        observation_norm: of vectors as long as the observation.
        goal_norm: of vectors as long as the goal, or :class:`~sher_rl.PoseNorm`.
        actor: from :func:`~sher_rl.make_networks` or :func:`~sher_rl.make_ddpg_networks`.

    Returns:
        Module from raw ``observation`` and ``desired_goal`` to ``action`` ``(*batch, d)`` in [-1, 1]. Of a Gaussian
        it is the mode, or a sample under ``set_exploration_type(ExplorationType.RANDOM)``.

    Raises:
        UsageError: the actor or the goal's norm is from elsewhere.

    >>> from sher_rl import GoalDims, make_networks
    >>> actor, _, _ = make_networks(GoalDims(10, 3, 4))
    >>> policy = make_policy(RunningNorm(10), RunningNorm(3), actor)
    >>> policy(observation=torch.zeros(5, 10), desired_goal=torch.zeros(5, 3)).shape
    torch.Size([5, 4])
    """
    actor_net = next((net for net in actor.modules() if isinstance(net, GaussianNet | DeterministicNet)), None)
    if actor_net is None:
        raise UsageError("actor holds no net of this package; make it with make_networks or make_ddpg_networks.")
    if type(goal_norm) not in _GOAL_NORMS.values():
        raise UsageError(f"goal_norm is a {type(goal_norm).__name__}; use {' or '.join(_GOAL_NORMS)}.")
    return TensorDictModule(_PolicyNet(observation_norm, goal_norm, actor_net), STATE, ["action"])


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
    >>> env = make_env("FetchReach-v4", num_envs=2)
    >>> actor, _ = make_ddpg_networks(GoalDims.of(env))
    >>> explorer = make_explorer(make_policy(RunningNorm(10), RunningNorm(3), actor), env, random_action=0.3, noise=0.2)
    >>> env.rollout(5, explorer)["action"].abs().max() <= 1
    tensor(True)
    """
    spec = env.full_action_spec["action"]
    steps = [policy]
    if noise:
        steps.append(AdditiveGaussianModule(spec, sigma_init=noise, sigma_end=noise))
    return TensorDictSequential(*steps, EGreedyModule(spec, eps_init=random_action, eps_end=random_action))


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
    names = {"actor": type(policy.module.actor_net).__name__, "goal_norm": type(policy.module.goal_norm).__name__}
    facts = {"format": POLICY_FORMAT, "env_id": env_id, "hidden": hidden, **names}
    content, saved = io.BytesIO(), {**facts, "state_dict": state}
    torch.save({**saved, "sha256": _checksum(saved)}, content)
    replace_file(Path(path), content.getvalue())


def _checksum(saved: Mapping[str, Any]) -> str:
    """Of a policy file's values, since torch checks none of those it reads."""
    state = saved["state_dict"]
    facts = json.dumps([value for key, value in saved.items() if key not in ("state_dict", "sha256")] + [*state])
    return digest([facts.encode(), *(value.contiguous().reshape(-1).numpy() for value in state.values())])


def pretrained(name: str) -> Path:
    """File of a trained policy that comes with the package, for :func:`load_policy`.

    Each is what ``python recipes/sher_<task>.py --seed 0`` left after the frames of its csv in docs/results.

    Args:
        name: the task's, such as ``FetchPush`` or ``FetchPush-v4``.

    Raises:
        UsageError: there is none of that name.

    >>> load_policy(pretrained("FetchPush")).env_id
    'FetchPush-v4'
    """
    files = {path.stem.partition("-")[0]: path for path in sorted(_PRETRAINED.glob("*.pt"))}
    if name.partition("-")[0] not in files:
        raise UsageError(f"pretrained {name!r:.80} is not in the package; there are {', '.join(files)}.")
    return files[name.partition("-")[0]]


def load_policy(path: str | Path) -> TensorDictModule:
    """Read a policy file; needs neither MuJoCo nor an environment, and unpickles nothing.

    Args:
        path: a ``policy.pt``, or the run folder that holds one.

    Returns:
        Module from ``observation`` and ``desired_goal`` to ``action``, with the trained task's id as
        ``env_id``. See :func:`make_policy`.

    Raises:
        UsageError: there is no such file, or it is no policy of this package.

    >>> import tempfile
    >>> from sher_rl import GoalDims, make_networks
    >>> actor, _, _ = make_networks(GoalDims(10, 3, 4))
    >>> path = Path(tempfile.mkdtemp()) / "policy.pt"
    >>> save_policy(path, make_policy(RunningNorm(10), RunningNorm(3), actor), "FetchReach-v4")
    >>> policy = load_policy(path)
    >>> policy.env_id, policy(observation=torch.zeros(5, 10), desired_goal=torch.zeros(5, 3)).shape
    ('FetchReach-v4', torch.Size([5, 4]))
    """
    path = Path(path)
    path = path / "policy.pt" if path.is_dir() else path
    if not path.is_file():
        raise UsageError(f"path {str(path)!r} is no file; give a policy.pt or the run folder that holds one.")
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        state = saved["state_dict"]
        observation_norm = RunningNorm(len(state["module.observation_norm.mean"]))
        goal_norm = _GOAL_NORMS[saved.get("goal_norm", "RunningNorm")](len(state["module.goal_norm.mean"]))
        last_bias = [bias for key, bias in state.items() if key.endswith("bias")][-1]
        net = _ACTOR_NETS[saved["actor"]]
        dims = GoalDims(len(observation_norm.mean), len(goal_norm.mean), len(last_bias) // net.outputs)
        actor = TensorDictModule(net(dims, saved["hidden"]), STATE, ["loc", "scale"][: net.outputs])
        policy = make_policy(observation_norm, goal_norm, actor)
        policy.load_state_dict(state)
        policy.env_id = str(saved["env_id"])
        known = saved["format"] in _KNOWN_FORMATS
        if known and saved["sha256"] != _checksum(saved):
            raise ValueError("its values do not match their checksum")
    except Exception as error:  # a damaged or crafted file can make torch.load raise anything
        raise UsageError(f"path {str(path)!r} holds no policy that save_policy wrote ({error!r:.80}).") from error
    if not known:
        known_are = " and ".join(_KNOWN_FORMATS)
        raise UsageError(f"path {str(path)!r} has policy format {saved['format']!r}; known are {known_are}.")
    return policy.requires_grad_(False)
