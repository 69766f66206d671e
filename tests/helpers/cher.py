"""Buffers that CHERSampler samples, and what it leaves for their transform."""

from __future__ import annotations

from collections.abc import Callable

import torch
from helpers.episodes import episode, reward_fn
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer
from torchrl.envs import Compose, Transform

from sher_rl import CHERSampler, HindsightRelabel
from sher_rl.functional.curriculum import proximity
from sher_rl.replay.next_batch import NextBatchGoals
from sher_rl.replay.strategies import GoalChoice

NEAREST = {"selection": "greedy", "lambda_init": 1e6}
"""With this weight the goals nearest to what was achieved are kept, whatever their diversity."""


class Recorder(NextBatchGoals):
    """Note, for all threads, what was put and whether it was taken."""

    def __init__(self, put: list[tuple[Tensor, GoalChoice]], taken: list[bool]) -> None:
        self.all_put, self.all_taken = put, taken

    def put(self, index: Tensor, choice: GoalChoice) -> None:
        self.all_put.append((index, choice))
        super().put(index, choice)

    def take(self, index: Tensor | None) -> GoalChoice | None:
        choice = super().take(index)
        self.all_taken.append(choice is not None)
        return choice


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def episodes(lengths: tuple[int, ...] = (20,) * 10) -> TensorDict:
    """Episodes that walk about the plane, from different places."""
    data = torch.cat([episode(length, number=number) for number, length in enumerate(lengths)])
    walk = torch.randn(sum(lengths) + 1, 2).cumsum(0).double()
    data["achieved_goal"], data["next", "achieved_goal"] = walk[:-1], walk[1:]
    data["desired_goal"] = data["next", "desired_goal"] = torch.randn(sum(lengths), 2).double() * 10
    return data


def make_buffer(
    *,
    kind: type[ReplayBuffer] = TensorDictReplayBuffer,
    storage_type: Callable = LazyTensorStorage,
    data: TensorDict | None = None,
    seed: int = 5,
    then: Transform | None = None,
    **options,
) -> ReplayBuffer:
    storage = storage_type(1000)
    relabel = HindsightRelabel(reward_fn, storage, k=4, generator=seeded(seed))
    sampler = CHERSampler(relabel, **({"generator": seeded(seed + 1)} | options))
    transform = relabel if then is None else Compose(relabel, then)
    buffer = kind(storage=storage, sampler=sampler, transform=transform)
    buffer.extend(episodes() if data is None else data)
    return buffer


def relabel_of(buffer: ReplayBuffer) -> HindsightRelabel:
    return buffer.sampler.relabel


def record(buffer: ReplayBuffer) -> tuple[list[tuple[Tensor, GoalChoice]], list[bool]]:
    put, taken = [], []
    relabel_of(buffer).on_read.next_goals = Recorder(put, taken)
    return put, taken


def drawn(buffer: ReplayBuffer, times: int = 3, size: int = 32) -> Tensor:
    """What was drawn: rows and goals."""
    batches = torch.cat([buffer.sample(size) for _ in range(times)])
    return torch.cat((batches["next", "achieved_goal"], batches["desired_goal"]), -1)


def distance(batch: TensorDict) -> Tensor:
    return -proximity(batch["desired_goal"], batch["achieved_goal"])
