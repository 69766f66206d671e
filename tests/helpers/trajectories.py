"""Buffers of trajectories for the tests of samplers."""

from __future__ import annotations

from functools import cache

import torch
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer
from torchrl.data.replay_buffers.samplers import Sampler

from sher_rl import HindsightRelabel


def reward_fn(achieved: Tensor, desired: Tensor) -> Tensor:
    return -(torch.linalg.vector_norm(achieved - desired, dim=-1, keepdim=True) > 0.05).float()


def goals(number: int, points: int, size: int = 3) -> Tensor:
    """Achieved goals of an episode that its number decides; each third one does not move."""
    return _path(number, size)[:points]


@cache
def _path(number: int, size: int) -> Tensor:
    generator = torch.Generator().manual_seed(number)
    path = torch.randn(1000, size, generator=generator, dtype=torch.float64).cumsum(0) * 0.03
    return path[:1].expand_as(path) if number % 3 == 0 else path


def episode(path: Tensor, *, done: bool = True) -> TensorDict:
    """Steps along achieved goals ``(T + 1, g)``."""
    end = torch.zeros(len(path) - 1, 1, dtype=torch.bool)
    end[-1] = done
    now = {"achieved_goal": path[:-1], "desired_goal": torch.zeros_like(path[1:])}
    then = {"achieved_goal": path[1:], "reward": torch.zeros(len(end), 1), "done": end, "terminated": end & False}
    return TensorDict({**now, "next": then}, [len(end)])


def make_buffer(
    sampler: Sampler,
    capacity: int = 1000,
    *,
    storage_type: type[LazyTensorStorage] = LazyTensorStorage,
    kind: type[ReplayBuffer] = TensorDictReplayBuffer,
    **options,
) -> ReplayBuffer:
    storage = storage_type(capacity)
    relabel = HindsightRelabel(reward_fn, storage)
    return kind(storage=storage, sampler=sampler, transform=relabel, batch_size=64, **options)
