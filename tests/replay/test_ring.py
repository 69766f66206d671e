"""Goals of a ring that is overwritten, in threads too, and the buffers that are no ring."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from helpers.episodes import drawn, episode, make_buffer, relabel_of, reward_fn
from tensordict import TensorDict
from torchrl.data import (
    LazyMemmapStorage,
    LazyTensorStorage,
    ListStorage,
    PrioritizedSampler,
    RandomSampler,
    ReplayBuffer,
    Sequence,
    TensorDictMaxValueWriter,
    TensorDictReplayBuffer,
    TensorDictRoundRobinWriter,
)

from sher_rl import CHERSampler, HindsightRelabel, UsageError


@pytest.mark.parametrize("length", [10, 8])  # of a full ring, and of one that goes round in between
def test_a_row_whose_goal_was_overwritten_gets_its_own_outcome(length):
    buffer = make_buffer(10, strategy="final", ratio=1.0)
    index = buffer.extend(episode(length, number=1))
    rows = buffer.storage.get(index)  # as a prefetching thread holds them
    buffer.extend(episode(4, number=2))
    buffer.extend(episode(6, number=3))
    batch = relabel_of(buffer)(rows)
    assert (batch["desired_goal"] == batch["next", "achieved_goal"]).all()
    assert (batch["hindsight", "offset"] == 0).all()


def test_a_thread_that_writes_never_leaks_a_foreign_goal():
    buffer = make_buffer(60, strategy="final", ratio=1.0)
    buffer.extend(episode(50, number=0))
    stop = threading.Event()

    def write() -> None:
        for number in itertools.count(1):
            if stop.is_set():
                return
            buffer.extend(episode(20 + number % 7, number=number))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        batches = torch.cat([buffer.sample(64) for _ in range(2000)])
    finally:
        stop.set()
        writer.join()
    assert batches["desired_goal"][:, 0].unique().numel() > 5
    assert (batches["desired_goal"][:, 0] == batches["next", "achieved_goal"][:, 0]).all()


def sampler_of(name, relabel):
    if name == "per":
        return PrioritizedSampler(500, 0.6, 0.4)
    return CHERSampler(relabel, batch_size=64) if name == "cher" else RandomSampler()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["uniform", "per", "cher"])
def test_ten_threads_sample_while_another_writes(name):
    """10,000 batches of a ring that goes round some hundred times: none has parts of two rows, or a foreign goal."""
    storage = LazyTensorStorage(500)
    relabel = HindsightRelabel(reward_fn, storage, ratio=0.8)
    buffer = TensorDictReplayBuffer(
        storage=storage, sampler=sampler_of(name, relabel), transform=relabel, batch_size=64
    )
    for number in range(20):
        buffer.extend(episode(30, number=number))
    stop = threading.Event()

    def write() -> int:
        for number in itertools.count(20):
            buffer.extend(episode(20 + number % 7, number=number))
            if stop.is_set():
                return number

    def read(_: int) -> TensorDict:
        return torch.cat([buffer.sample() for _ in range(1_000)])

    with ThreadPoolExecutor(11) as pool:
        writer = pool.submit(write)
        batches = torch.cat(list(pool.map(read, range(10))))
        stop.set()
    assert writer.result() > 100
    before, after, goal = (batches[key] for key in ("achieved_goal", ("next", "achieved_goal"), "desired_goal"))
    relabelled = batches["hindsight", "relabelled"]
    assert (before[:, 0] == after[:, 0]).all()
    assert (before[:, 1] + 1 == after[:, 1]).all()
    assert (goal[relabelled][:, 0] == after[relabelled][:, 0]).all()
    assert (goal[relabelled][:, 1] >= after[relabelled][:, 1]).all()
    assert (goal[~relabelled][:, 1] == -after[~relabelled][:, 0]).all()
    assert (batches["next", "reward"] == reward_fn(after, goal)).all()


def test_prefetching_threads_relabel():
    storage = LazyTensorStorage(200)
    transform = HindsightRelabel(reward_fn, storage, ratio=1.0)
    buffer = TensorDictReplayBuffer(storage=storage, transform=transform, batch_size=32, prefetch=3)
    for number in range(12):
        buffer.extend(episode(40, number=number))
        for _ in range(5):
            batch = buffer.sample()
            assert (batch["desired_goal"][:, 0] == batch["next", "achieved_goal"][:, 0]).all()


@pytest.mark.parametrize("storage_type", [LazyTensorStorage, LazyMemmapStorage])
@pytest.mark.parametrize("writer", [TensorDictRoundRobinWriter, None])
def test_storages_and_writers(storage_type, writer):
    storage = storage_type(30)
    transform = HindsightRelabel(reward_fn, storage, ratio=1.0, strategy="episode")
    options = {} if writer is None else {"writer": writer()}
    buffer = ReplayBuffer(storage=storage, transform=transform, batch_size=16, **options)
    for number in range(9):
        buffer.extend(episode(7, number=number))
    batch = drawn(buffer, 50).reshape(-1)
    assert (batch["desired_goal"][:, 0] == batch["next", "achieved_goal"][:, 0]).all()


def test_emptying_starts_afresh():
    buffer = make_buffer(10, strategy="random", ratio=1.0)
    buffer.extend(episode(10, number=1))
    buffer.extend(episode(5, number=2))
    buffer.empty()
    buffer.extend(episode(4, number=3))
    assert (drawn(buffer, 100)["desired_goal"][..., 0] == 3).all()


@pytest.mark.parametrize("storage", [None, ListStorage(10), LazyTensorStorage(10, ndim=2)])
def test_storages_that_are_no_ring_are_refused(storage):
    with pytest.raises(UsageError, match=r"LazyTensorStorage|ndim=1"):
        HindsightRelabel(reward_fn, storage)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"writer": TensorDictMaxValueWriter(rank_key="observation")}, "TensorDictMaxValueWriter"),
        ({"consume_after_n_samples": 1}, "ConsumingSampler"),
        ({"sample_unit": Sequence(length=2)}, "Sequence"),
    ],
)
def test_buffers_that_break_the_order_of_time_are_refused(options, named):
    storage = LazyTensorStorage(10)
    buffer = TensorDictReplayBuffer(storage=storage, transform=HindsightRelabel(reward_fn, storage), **options)
    with pytest.raises(UsageError, match=named):
        buffer.extend(episode(5))


def test_a_storage_of_no_buffer_or_of_another_is_refused():
    buffer = TensorDictReplayBuffer(
        storage=LazyTensorStorage(10), transform=HindsightRelabel(reward_fn, LazyTensorStorage(10))
    )
    with pytest.raises(UsageError, match="belongs to no replay buffer"):
        buffer.extend(episode(5))
    other = make_buffer(10)
    rows = make_buffer(10)
    rows.extend(episode(5))
    with pytest.raises(UsageError, match="storage is empty"):
        relabel_of(other)(rows.storage.get(torch.arange(3)))


def test_a_write_longer_than_the_ring_is_refused():
    with pytest.raises(UsageError, match="11 transitions"):
        make_buffer(10).extend(episode(11))
