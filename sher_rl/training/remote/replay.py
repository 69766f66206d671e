"""A replay buffer in an actor of a cluster, as the loop uses it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tensordict import TensorDictBase
from torchrl.data import PrioritizedSampler

from sher_rl.training.config import AnyConfig
from sher_rl.training.parts import Parts
from sher_rl.training.remote.actors import Build, ReplayActor
from sher_rl.training.remote.cluster import here, import_ray, result, spawn
from sher_rl.training.remote.random_state import taken_back

NAME = "replay actor"


class RemoteReplay:
    """The replay buffer of a run in an actor: rows cross once when they are written, batches once when they are drawn.

    Storage, annotation, sampler, relabelling and normalisation are there. The actor runs on the node of this process,
    since it reads and writes the rows of checkpoints itself.

    Args:
        build: of the recipe.
        config: of the run.
        parts: of the run in this process; the sampler's kind is looked up there.
    """

    def __init__(self, build: Build[AnyConfig], config: AnyConfig, parts: Parts) -> None:
        self.sampler = parts.buffer.sampler
        self._device = config.device
        there = dataclasses.replace(config, device="cpu")
        threads = torch.get_num_threads()
        self._actor = spawn(ReplayActor, build, there, threads, num_cpus=1, scheduling_strategy=here())

    @property
    def buffer(self) -> RemoteReplay:
        """What batches are drawn from."""
        return self

    @property
    def state(self) -> RemoteReplay:
        """What a checkpoint saves."""
        return self

    def write(self, steps: TensorDictBase) -> TensorDictBase:
        """See :meth:`~sher_rl.training.replay.Replay.write`."""
        rows = self._lend(self._actor.write, steps.cpu())
        return rows.to(self._device)

    def sample(self, size: int) -> TensorDictBase:
        """A batch, relabelled and normalised, on the device of the run."""
        return self._lend(self._actor.sample, size).to(self._device)

    def update_tensordict_priority(self, batch: TensorDictBase) -> None:
        """Let the errors of a batch be its priorities, where the sampler has any."""
        if isinstance(self.sampler, PrioritizedSampler):
            result(self._actor.update_tensordict_priority.remote(batch.cpu()), of=NAME)

    def on_cycle(self, frames: int) -> None:
        """What samplers do after a round of updates."""
        self._lend(self._actor.on_cycle, frames)

    def bytes_of_a_row(self) -> int:
        """What a transition takes."""
        return result(self._actor.bytes_of_a_row.remote(), of=NAME)

    def write_rows(self, folder: Path) -> Any:
        """See :meth:`~sher_rl.checkpoint.buffer.BufferState.write_rows`."""
        return result(self._actor.write_rows.remote(folder), of=NAME)

    def read_rows(self, folder: Path, records: Mapping[str, Any], description: Mapping[str, Any]) -> None:
        """See :meth:`~sher_rl.checkpoint.buffer.BufferState.read_rows`."""
        result(self._actor.read_rows.remote(folder, records, description), of=NAME)

    def state_dict(self) -> dict[str, Any]:
        """See :meth:`~sher_rl.checkpoint.buffer.BufferState.state_dict`."""
        return result(self._actor.state_dict.remote(), of=NAME)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See :meth:`~sher_rl.checkpoint.buffer.BufferState.load_state_dict`."""
        result(self._actor.load_state_dict.remote(state), of=NAME)

    def close(self) -> None:
        """Stop the actor."""
        import_ray().kill(self._actor)

    def _lend(self, call: Any, *args: Any) -> Any:
        """Call the actor with this process's random state, and go on with what it left."""
        return taken_back(result(call.remote(*args, torch.get_rng_state()), of=NAME))
