"""Environments as components of a checkpoint."""

from __future__ import annotations

from typing import Any

from torchrl.envs import EnvBase, TransformedEnv

from sher_rl.errors import UsageError


class EnvState:
    """An environment as a component of a checkpoint, with the transforms that it is wrapped in.

    Args:
        env: with ``get_state()``, which returns tensors, numbers, text, and lists and dictionaries of them, and
            ``set_state(state)``; or such an environment in :class:`~torchrl.envs.TransformedEnv`.

    Raises:
        UsageError: it has no such methods.
    """

    def __init__(self, env: EnvBase) -> None:
        self._transforms = []
        while isinstance(env, TransformedEnv) and not hasattr(type(env), "get_state"):
            self._transforms.append(env.transform)
            env = env.base_env
        if not hasattr(env, "get_state"):  # TorchRL gives each a set_state, which sets nothing
            raise UsageError(
                f"env {type(env).__name__} cannot be saved with a run; give it get_state() and set_state(state)."
            )
        self._env: Any = env

    def state_dict(self) -> dict[str, Any]:
        """See :meth:`~sher_rl.envs.native.NativeEnv.get_state`; with ``transforms`` where there are any."""
        state = self._env.get_state()
        if self._transforms:
            return state | {"transforms": [dict(transform.state_dict()) for transform in self._transforms]}
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :meth:`~sher_rl.envs.native.NativeEnv.set_state`."""
        self._env.set_state(state)
        for transform, saved in zip(self._transforms, state.get("transforms", []), strict=True):
            transform.load_state_dict(saved)


def why_not_saved(*envs: EnvBase) -> str | None:
    """The sentence that says which of the environments cannot be saved, and why; None if all can be."""
    try:
        for env in envs:
            EnvState(env).state_dict()
    except UsageError as error:
        return str(error)
    return None
