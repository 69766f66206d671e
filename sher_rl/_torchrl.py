"""Private names of TorchRL and tensordict that this package needs, each behind a function that says what it gives.

Nothing else in the package touches one. Each docstring names the public thing that the function stands in for;
``tests/test__torchrl.py`` holds a new release to what is expected of each. What TorchRL calls on its subclasses
(``_inv_call``, ``_step``, ``_empty``, ...) is its way of being extended and stays where it is overridden.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from tensordict import NestedKey, TensorDict, TensorDictBase
from tensordict.nn import TensorDictModuleBase
from torch import Tensor
from torchrl.collectors import Collector
from torchrl.data import ReplayBuffer, RoundRobinWriter, TensorStorage
from torchrl.data.replay_buffers import Sampler, SampleUnit, Storage
from torchrl.envs import EnvBase, SerialEnv
from torchrl.objectives import LossModule
from torchrl.objectives.utils import _vmap_func


def columns(storage: TensorStorage) -> TensorDictBase:
    """All slots of a storage, written or not, by key; ``storage.get`` indexes those written, at the cost of a copy."""
    return storage._storage


def rows_stored(storage: TensorStorage) -> int:
    """``len(storage)``, without its detour round the compiler, in half the time."""
    return storage._len


def revision(storage: Storage) -> int:
    """Number of changes that a storage has seen, across processes; nothing public counts them."""
    return int(storage._mutation_revision)


def set_revision(storage: Storage, value: int) -> None:
    """Let a storage count its changes from ``value`` on; no public method restores the count."""
    counter = storage._mutation_revision_value
    if isinstance(counter, Tensor):
        counter.fill_(value)
    else:
        counter.value = value


def last_written_slot(storage: Storage) -> int | None:
    """Slot that was written last, None before the first write; the buffer's state dict holds it only with the rows."""
    return storage._last_cursor_index


def set_last_written_slot(storage: Storage, slot: int) -> None:
    """Restore :func:`last_written_slot`; ``storage.set`` does it only together with rows."""
    storage._set_last_cursor(torch.tensor([slot]))


def buffers_of(storage: Storage) -> list[ReplayBuffer]:
    """Replay buffers that use a storage; ``storage.attach`` registers them, and nothing public lists them."""
    return [entity for entity in storage._attached_entities if isinstance(entity, ReplayBuffer)]


def sample_unit(buffer: ReplayBuffer) -> SampleUnit | None:
    """What a buffer makes of each index drawn; the constructor's ``sample_unit``, which has no attribute."""
    return buffer._sample_unit


def next_slot(writer: RoundRobinWriter) -> int:
    """Slot that the next row goes to; the writer's state dict has it too, among copies."""
    return writer._cursor


def generator_of(part: ReplayBuffer | Sampler) -> torch.Generator | None:
    """Generator that ``buffer.set_rng`` gave a buffer and its sampler, None for torch's own; it has no attribute."""
    return part._rng


def set_column(rows: TensorDictBase, key: NestedKey, value: Tensor) -> None:
    """``rows.set(key, value)`` for a value whose batch size and device are known to fit, without the check."""
    path = (key,) if isinstance(key, str) else key
    rows._set_tuple(path, value, inplace=False, validated=True)


def take_over_targets(loss: LossModule, names: Iterable[str]) -> None:
    """Tell a loss that somebody moves the targets of these networks, as making a ``SoftUpdate`` for it does."""
    for name in names:
        loss._has_update_associated[name] = True


def vmap_over_weights(
    module: TensorDictModuleBase, in_dims: tuple[int | None, ...], **options: Any
) -> Callable[..., TensorDictBase]:
    """A module as a function of inputs and stacked weights; ``torch.vmap`` of ``params.to_module``, or a loop."""
    return _vmap_func(module, in_dims, **options)


def carried_step(collector: Collector) -> TensorDictBase:
    """Step that a collector's next batch begins with; its own state dict leaves it out."""
    return collector._carrier


def set_carried_step(collector: Collector, values: Mapping[str, Any]) -> None:
    """Let a collector go on from the values of :func:`carried_step`; its ``load_state_dict`` begins new episodes."""
    device = collector._carrier.device
    carried = TensorDict(values, collector._carrier.batch_size)
    collector._carrier = carried.to(device) if device else carried


def set_trajectory_count(collector: Collector, state: Mapping[str, Any]) -> None:
    """Number trajectories on from a ``traj_pool`` of the collector's state dict, whose loading hands out more."""
    collector._traj_pool.load_state_dict(state)


def copies_of(env: SerialEnv) -> list[EnvBase]:
    """Environments that a started ``SerialEnv`` steps; its attributes reach all of them at once only."""
    return env._envs
