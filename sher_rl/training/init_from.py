"""What a run begins from where it does not begin anew: the networks and statistics of another, or a policy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from sher_rl.checkpoint.run import read_components, saved_checkpoints
from sher_rl.errors import UsageError
from sher_rl.modules.critics_file import load_critics
from sher_rl.modules.policy_file import SavedPolicy, load_policy, pretrained
from sher_rl.objectives.networks import critics_of, weights_of
from sher_rl.training.config import RunConfig
from sher_rl.training.parts import Parts
from sher_rl.training.samplers import Stateful

ACTOR_WAITS = 16_000
"""Frames in which the critics learn what the policy is worth before it moves; see ``docs/finetune.md``."""
SAME = "use the same method, --hidden and --critic, and a task with as long observations, goals and actions"
SAME_CRITICS = "use the same --critic, or a copy of the policy.pt alone, whose critics begin anew"


def init_from(source: str | Path, parts: Parts, *, actor_waits: int = ACTOR_WAITS) -> Parts:
    """Begin with what another run has learned: its policy, critics and statistics of the normaliser.

    A run folder gives all of them, from its newest checkpoint. A folder without checkpoints, a ``policy.pt`` and a
    policy of the package give the policy with its statistics, and the critics of the ``critics.pt`` beside it; where
    there is none, they begin anew. The policy then stays as it is for ``actor_waits`` frames, while the critics learn.
    Adam's state, a learned temperature and the buffer are the new run's own. Nothing is unpickled.

    Args:
        source: run folder, ``policy.pt``, or name of a policy for :func:`~sher_rl.pretrained`.
        parts: of the new run, before its first step; changed in place.
        actor_waits: frames until the policy moves.

    Returns:
        The parts, whose ``on_cycle`` lets the policy move; for :func:`~sher_rl.train`, which calls this function
        where the configuration has ``init_from``.

    Raises:
        UsageError: there is nothing at ``source``, it is damaged, its critics are of another policy, or its networks
            are of other kinds or sizes.

    >>> from sher_rl.cli.recipe_files import load_recipe
    >>> config = dataclasses.replace(load_recipe("fetch_push").CONFIG, compile=False)
    >>> parts = init_from("FetchPush", load_recipe("sher").build(config))
    >>> int(parts.normalizer.observation.count)
    130400
    """
    path = _find(source)
    if path.is_dir() and saved_checkpoints(path):
        _load_run(path, parts)
    else:
        _load_files(path, parts, source)
    parts.learner.load_state_dict(parts.learner.state_dict())  # takes over the weights that its loss holds by now
    return hold_actor(parts, actor_waits)


def begun(config: RunConfig, parts: Parts) -> Parts:
    """The parts of a run with what it begins from; of one that goes on from a checkpoint, without looking for that."""
    if config.init_from is None:
        return parts
    if config.resume and saved_checkpoints(config.resume):
        return hold_actor(parts, ACTOR_WAITS)  # or not any more: the checkpoint says
    return init_from(config.init_from, parts, actor_waits=ACTOR_WAITS)


def hold_actor(parts: Parts, frames: int) -> Parts:
    """Keep the policy as it is for so many frames; returns the parts with the ``on_cycle`` that then lets it move."""
    return dataclasses.replace(parts, on_cycle=HeldActor(parts, frames))


class HeldActor:
    """An ``on_cycle`` before which the policy stays as it is, by a step size of 0, which checkpoints have with Adam's.

    Args:
        parts: of a run before its first step; the state of their own ``on_cycle``, if it has one, is this one's.
        frames: from which on the step size is what it was.
    """

    def __init__(self, parts: Parts, frames: int) -> None:
        self._optimizer = parts.learner.optimizer
        self._inner = parts.on_cycle
        self._frames = frames
        self._step_size = self._actor["lr"]
        self._actor["lr"] = 0.0

    @property
    def _actor(self) -> dict[str, Any]:
        return self._optimizer.param_groups[-1]  # both learners have the critics first

    def __call__(self, frames: int) -> None:
        """Let the policy move, once it has waited, and call the ``on_cycle`` of the parts."""
        if frames >= self._frames:
            self._actor["lr"] = self._step_size
        self._inner(frames)

    def state_dict(self) -> dict[str, Any]:
        """That of the ``on_cycle`` within."""
        return self._inner.state_dict() if isinstance(self._inner, Stateful) else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        if isinstance(self._inner, Stateful):
            self._inner.load_state_dict(state)


def _find(source: str | Path) -> Path:
    path = Path(source)
    if path.exists():
        return path
    try:
        return pretrained(str(source))
    except UsageError as error:
        raise UsageError(f"init_from {str(source)!r:.200} is no run folder and no policy.pt, and {error}") from error


def _load_run(run: Path, parts: Parts) -> None:
    """Take the networks, without the constants beside them, and the statistics of a run's newest checkpoint."""
    saved = read_components(run, ("loss", "normalizer"))
    tensors = {name: {key: v for key, v in state.items() if isinstance(v, Tensor)} for name, state in saved.items()}
    networks = weights_of(tensors["loss"])
    _check(run, networks, weights_of(parts.learner.loss.state_dict()), SAME)
    _check(run, tensors["normalizer"], parts.normalizer.state_dict(), SAME)
    _put(networks, parts)
    parts.normalizer.load_state_dict(tensors["normalizer"])


def _load_files(path: Path, parts: Parts, source: str | Path) -> None:
    """Take the policy with its statistics, which learner and normaliser share, and its critics, if there are any."""
    policy = load_policy(path)
    critics = load_critics(path)
    _check_kinds(policy, parts, source)
    _check(source, policy.state_dict(), parts.policy.state_dict(), SAME)
    if critics:
        _check(source, critics, critics_of(parts.learner.loss.state_dict()), SAME_CRITICS)
    parts.policy.load_state_dict(policy.state_dict())
    _put(critics, parts)


def _put(networks: Mapping[str, Tensor], parts: Parts) -> None:
    loss = parts.learner.loss
    loss.load_state_dict(loss.state_dict() | networks)


def _check_kinds(policy: SavedPolicy, parts: Parts, source: str | Path) -> None:
    """Refuse a policy of other modules than the run's own."""
    kinds = [_kinds(module) for module in (policy.module, parts.policy.module)]
    if kinds[0] != kinds[1]:
        raise UsageError(
            f"init_from {str(source)!r:.200} is a policy of {', '.join(kinds[0])}, this run's is of "
            f"{', '.join(kinds[1])}; use one of the same method, kind of goal and --symmetric."
        )


def _kinds(net: nn.Module) -> list[str]:
    return [type(module).__name__ for module in net.children()]


def _check(source: str | Path, saved: Mapping[str, Any], own: Mapping[str, Any], advice: str) -> None:
    """Refuse tensors of other names or shapes than the run's own."""
    for key in sorted({*saved, *own}):
        given = tuple(saved[key].shape) if key in saved else "missing"
        expected = tuple(own[key].shape) if key in own else "none"
        if given != expected:
            raise UsageError(
                f"init_from {str(source)!r:.200} does not fit this run: {key!r:.100} is {given}, here {expected}; "
                f"{advice}."
            )
