"""Episodes that begin where another agent has been: the states of one environment as the starts of another."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torchrl.envs import Transform, TransformedEnv

from sher_rl.envs.env_transform import EnvTransform
from sher_rl.errors import UsageError

_MOVED = ("observation", "achieved_goal")
"""What a state shows of itself; the goal stays the episode's own."""


class KeepVisited(EnvTransform):
    """Keep a state of the latest episodes of a Fetch or Hand environment, for :class:`StartVisited`.

    Each step's is kept with the same probability, whatever the length of an episode will be. The state kept, and the
    generator, are part of the state dict, and so of checkpoints.

    Args:
        generator: source of the draws; the default is torch's own.

    >>> from sher_rl import make_env
    >>> kept = KeepVisited()
    >>> _ = TransformedEnv(make_env("FetchPush-v4", 2), kept).rollout(3)
    >>> kept.state["rows"]["achieved_goal"].shape
    torch.Size([2, 3])
    """

    def __init__(self, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.generator = generator
        self.state: dict[str, Any] | None = None
        self._steps = 0

    def _reset(self, tensordict: TensorDictBase, tensordict_reset: TensorDictBase) -> TensorDictBase:
        self._steps = 0
        return tensordict_reset

    def _step(self, tensordict: TensorDictBase, next_tensordict: TensorDictBase) -> TensorDictBase:
        self._steps += 1
        if torch.rand((), generator=self.generator) * self._steps < 1:
            self.state = _native(self).get_state()
        return next_tensordict

    def get_extra_state(self) -> dict[str, Any]:
        """The state kept, steps of the episode, and state of the generator."""
        generator = None if self.generator is None else self.generator.get_state()
        return {"state": self.state, "steps": self._steps, "generator": generator}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_extra_state` gave."""
        self.state = state["state"]
        self._steps = int(state["steps"])
        if self.generator is not None:
            self.generator.set_state(state["generator"])


class StartVisited(EnvTransform):
    """Begin episodes of a Fetch or Hand environment where another of the same task and number has been.

    Environment ``i`` begins at the state that is kept of the other's environment ``i``, with a goal of its own. Until
    one is kept it begins as usual. This is how the rival starts in int-CER, the interacting variant of Competitive
    Experience Replay (arXiv:1902.00528).

    Args:
        visited: the transform of the other environment.

    Raises:
        UsageError: on reset, the environment is no Fetch or Hand task with ``backend="native"``.

    >>> from sher_rl import make_env
    >>> kept = KeepVisited()
    >>> first = TransformedEnv(make_env("FetchPush-v4", 2), kept).rollout(3)
    >>> start = TransformedEnv(make_env("FetchPush-v4", 2, seed=5), StartVisited(kept)).reset()
    >>> bool((first["next", "observation"] == start["observation"].unsqueeze(1)).all(-1).any(1).all())
    True
    """

    def __init__(self, visited: KeepVisited) -> None:
        super().__init__()
        self.visited = [visited]  # in a list, since its state is the other environment's

    def _reset(self, tensordict: TensorDictBase, tensordict_reset: TensorDictBase) -> TensorDictBase:
        there = self.visited[0].state
        if there is None:
            return tensordict_reset
        mask = tensordict.get("_reset", None)
        length = len(tensordict_reset)
        begins = torch.ones(length, dtype=torch.bool) if mask is None else mask.reshape(length)
        env = _native(self)
        state = env.get_state()
        moved = _moved(state, there, begins)
        env.set_state(moved)
        for key in _MOVED:
            tensordict_reset.set(key, moved["rows"][key].clone())
        return tensordict_reset


def _moved(state: dict[str, Any], there: dict[str, Any], begins: Tensor) -> dict[str, Any]:
    """A state whose simulations ``begins`` are where another's are; goals, clocks and generators stay."""
    sims = {name: _chosen(begins, there["sims"][name], own) for name, own in state["sims"].items() if name != "random"}
    rows = {key: _chosen(begins, there["rows"][key], state["rows"][key]) for key in _MOVED}
    return state | {"sims": state["sims"] | sims, "rows": state["rows"] | rows}


def _chosen(begins: Tensor, one: Tensor, other: Tensor) -> Tensor:
    return torch.where(begins.reshape(-1, *[1] * (other.dim() - 1)), one, other)


def _native(transform: Transform) -> Any:
    """The environment under a transform."""
    env = transform.container
    while isinstance(env, TransformedEnv) and not hasattr(type(env), "get_state"):
        env = env.base_env
    # Several environments in one ask those for what they lack, so that the type is looked at.
    if isinstance(env, TransformedEnv) or not hasattr(type(env), "get_state"):
        raise UsageError(f"env is a {type(env).__name__}, whose states are not for others; use backend='native'.")
    return env
