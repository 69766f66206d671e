"""The file that a policy is kept in: it needs neither MuJoCo nor an environment, and nothing of it is unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.envs.utils import ExplorationType, set_exploration_type

from sher_rl.errors import UsageError
from sher_rl.modules.networks import STATE, DeterministicNet, GaussianNet, GoalDims
from sher_rl.modules.norms import (
    AnyGoalNorm,
    FreeSpinPoseNorm,
    GoalNorm,
    ObservationNorm,
    PoseNorm,
    RelayNorm,
    SymmetricObjectNorm,
)
from sher_rl.modules.policy import make_policy
from sher_rl.modules.tensor_file import read_tensors, write_tensors
from sher_rl.tasks import Symmetry
from sher_rl.untrusted import bare_id, check_id

POLICY_FORMAT = "sher_rl.policy/3"
_PRETRAINED = Path(__file__).with_name("pretrained")
_ACTOR_NETS: dict[str, type[GaussianNet] | type[DeterministicNet]] = {
    "GaussianNet": GaussianNet,
    "DeterministicNet": DeterministicNet,
}
_GOAL_NORMS: dict[str, type[AnyGoalNorm]] = {
    "RunningNorm": GoalNorm,
    "PoseNorm": PoseNorm,
    "FreeSpinPoseNorm": FreeSpinPoseNorm,
    "RelayNorm": RelayNorm,
}
"""Normalisers of goals by what the files call them."""


class SavedPolicy(TensorDictModule):
    """A policy from a file: a module for TorchRL, and a function of gymnasium's observations.

    As a module it goes from raw ``observation`` and ``desired_goal``, ``(*batch, n)``, to ``action`` ``(*batch, d)``
    in [-1, 1]; see :func:`~sher_rl.make_policy`. Called with the dictionary that a gymnasium environment observes, of
    one environment or of a vector of them, it returns the deterministic action as gymnasium takes it, float32.

    >>> policy = load_policy(pretrained("FetchReach"))
    >>> observation = {"observation": np.zeros(10), "achieved_goal": np.zeros(3), "desired_goal": np.zeros(3)}
    >>> policy(observation).shape
    (4,)
    """

    def __init__(self, net: nn.Module, env_id: str) -> None:
        super().__init__(net, STATE, ["action"])
        self.env_id = env_id

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Act on a gymnasium observation; anything else is for ``TensorDictModule``."""
        if args and isinstance(args[0], dict):
            return self._act(args[0])
        return super().__call__(*args, **kwargs)

    def _act(self, observation: Mapping[str, Any]) -> NDArray[np.float32]:
        for key in STATE:
            if key not in observation:
                raise UsageError(f"The observation lacks {key!r}; give what a goal environment observes.")
        state = [torch.as_tensor(np.asarray(observation[key])) for key in STATE]
        with torch.no_grad(), set_exploration_type(ExplorationType.DETERMINISTIC):
            return self.module(*state).numpy(force=True)


def save_policy(path: str | Path, policy: TensorDictModule, env_id: str) -> None:
    """Write a policy of :func:`~sher_rl.make_policy` to ``path``, whole or not at all.

    Args:
        path: file to write; a temporary neighbour is renamed over it.
        policy: the policy, with its normalisers.
        env_id: the task it was trained on, for ``python -m sher_rl.play``; a module before it is left out.

    Raises:
        UsageError: the id is none; or the disk is full, or the folder cannot be written.
    """
    state = policy.state_dict()
    facts = {
        "format": POLICY_FORMAT,
        "env_id": check_id(bare_id(env_id)),
        "hidden": [weight.shape[0] for key, weight in state.items() if key.endswith("weight")][:-1],
        "actor": type(policy.module.actor_net).__name__,
        "goal_norm": next(name for name, norm in _GOAL_NORMS.items() if type(policy.module.goal_norm) is norm),
        "symmetry": getattr(policy.module.observation_norm, "symmetry", None),
    }
    write_tensors(Path(path), facts, state)


def load_policy(path: str | Path) -> SavedPolicy:
    """Read a policy file; needs neither MuJoCo nor an environment, and unpickles nothing.

    Args:
        path: a ``policy.pt``, or the run folder that holds one.

    Returns:
        Module from ``observation`` and ``desired_goal`` to ``action``, with the trained task's id as ``env_id``. It
        also acts in plain gymnasium, as in ``env.step(policy(observation))``.

    Raises:
        UsageError: there is no such file, or it is no policy of this package.

    >>> import tempfile
    >>> from sher_rl import GoalDims, make_networks
    >>> actor, _, _ = make_networks(GoalDims(10, 3, 4))
    >>> path = Path(tempfile.mkdtemp()) / "policy.pt"
    >>> save_policy(path, make_policy(ObservationNorm(10), GoalNorm(3), actor), "FetchReach-v4")
    >>> policy = load_policy(path)
    >>> policy.env_id, policy(observation=torch.zeros(5, 10), desired_goal=torch.zeros(5, 3)).shape
    ('FetchReach-v4', torch.Size([5, 4]))
    """
    path = policy_file(path)
    if not path.is_file():
        raise UsageError(f"path {str(path)!r} is no file; give a policy.pt or the run folder that holds one.")
    return read_tensors(path, "policy", POLICY_FORMAT, _restore)


def policy_file(path: str | Path) -> Path:
    """The file of a policy, where a path is that file or the folder that holds it as ``policy.pt``."""
    path = Path(path)
    return path / "policy.pt" if path.is_dir() else path


def pretrained(name: str) -> Path:
    """File of a trained policy that comes with the package, for :func:`load_policy`.

    Each is what ``python recipes/sher_<task>.py --seed 0`` left after the frames that docs/gallery.md names.
    FetchPush's critics are beside it, for :func:`~sher_rl.init_from`.

    Args:
        name: the task's, such as ``FetchPush`` or ``FetchPush-v4``.

    Raises:
        UsageError: there is none of that name.

    >>> load_policy(pretrained("FetchPush")).env_id
    'FetchPush-v4'
    """
    files = {path.parent.name.partition("-")[0]: path for path in sorted(_PRETRAINED.glob("*/policy.pt"))}
    task = name.partition("-")[0]
    if task not in files:
        raise UsageError(f"pretrained {name!r:.80} is not in the package; there are {', '.join(files)}.")
    return files[task]


def _restore(saved: Mapping[str, Any]) -> SavedPolicy:
    """The policy that a file holds, by the sizes of its tensors."""
    state = saved["state_dict"]
    observation_norm = _observation_norm(len(state["module.observation_norm.mean"]), saved.get("symmetry"))
    goal_norm = _GOAL_NORMS[saved["goal_norm"]](len(state["module.goal_norm.mean"]))
    net = _ACTOR_NETS[saved["actor"]]
    last_bias = [bias for key, bias in state.items() if key.endswith("bias")][-1]
    dims = GoalDims(len(observation_norm.mean), len(goal_norm.mean), len(last_bias) // net.outputs)
    actor = TensorDictModule(net(dims, saved["hidden"]), STATE, ["loc", "scale"][: net.outputs])
    policy = SavedPolicy(make_policy(observation_norm, goal_norm, actor).module, check_id(saved["env_id"]))
    policy.load_state_dict(state)
    return policy.requires_grad_(False)


def _observation_norm(seen: int, symmetry: Symmetry | None) -> ObservationNorm:
    """The norm of which so many numbers are seen; files of older versions name no symmetry."""
    return ObservationNorm(seen) if symmetry is None else SymmetricObjectNorm.of_seen(seen, symmetry)
