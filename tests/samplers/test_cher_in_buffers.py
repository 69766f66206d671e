"""CHERSampler beside other threads, samplers and buffers, and as it is saved and restored."""

from __future__ import annotations

import pickle

import torch
from helpers.cher import NEAREST, drawn, episodes, make_buffer, record, relabel_of, seeded
from helpers.episodes import episode, reward_fn
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer

from sher_rl import CHERSampler, HindsightRelabel


def test_the_buffers_generator_is_used_if_the_sampler_has_none():
    data = episodes()
    buffers = [make_buffer(data=data, generator=None) for _ in range(2)]
    for buffer in buffers:
        buffer.set_rng(seeded(3))
    first = drawn(buffers[0])
    torch.manual_seed(99)
    assert torch.equal(first, drawn(buffers[1]))


def test_state_dict_restores_the_draws():
    data = episodes()
    first, second = make_buffer(data=data, lambda_growth=0.1, seed=1), make_buffer(lambda_growth=0.1, seed=2)
    drawn(first, 4)
    second.load_state_dict(first.state_dict())
    assert second.sampler._step == 4
    assert torch.equal(drawn(first), drawn(second))


def test_dumps_and_loads(tmp_path):
    first, second = make_buffer(lambda_growth=0.1, seed=1), make_buffer(lambda_growth=0.1, seed=2)
    drawn(first, 4)
    first.dumps(tmp_path)
    second.loads(tmp_path)
    assert torch.equal(drawn(first), drawn(second))


def test_pickle_keeps_the_pieces_together():
    buffer = make_buffer()
    buffer.sampler.sample(buffer.storage, 8)  # leaves a choice under way
    copy = pickle.loads(pickle.dumps(buffer))
    assert copy.sampler.relabel is copy._transform[0]
    assert copy.sampler.relabel.storage is copy.storage
    _, taken = record(copy)
    assert torch.equal(drawn(copy), drawn(buffer))
    assert taken == [True] * 3


def test_prefetching_threads_hand_over():
    storage = LazyTensorStorage(1000)
    relabel = HindsightRelabel(reward_fn, storage, k=4)
    sampler = CHERSampler(relabel, **NEAREST)
    buffer = TensorDictReplayBuffer(storage=storage, sampler=sampler, transform=relabel, batch_size=32, prefetch=3)
    data = episodes()
    buffer.extend(data)
    put, taken = record(buffer)
    for number in range(40):
        batch = buffer.sample()
        assert torch.equal(batch["next", "reward"], reward_fn(batch["next", "achieved_goal"], batch["desired_goal"]))
        index = next(i for i, (kept, _) in enumerate(put) if torch.equal(kept, batch["index"]))
        assert torch.equal(batch["hindsight", "offset"], put[index][1].offset)
        if number % 10 == 9:
            buffer.extend(data)
    buffer.shutdown()
    assert all(taken)


def test_a_choice_for_other_rows_is_dropped():
    buffer = make_buffer()
    relabel = relabel_of(buffer)
    index, _ = buffer.sampler.sample(buffer.storage, 8)
    before = relabel.generator.get_state()
    other = relabel(buffer.storage.get(index.flip(0)))
    assert not torch.equal(before, relabel.generator.get_state())
    assert torch.equal(other["next", "reward"], reward_fn(other["next", "achieved_goal"], other["desired_goal"]))
    assert relabel.on_read.next_goals.take(index) is None


def test_a_choice_of_rows_that_were_overwritten_leaks_no_foreign_goal():
    storage = LazyTensorStorage(40)
    relabel = HindsightRelabel(reward_fn, storage, ratio=1.0)
    buffer = TensorDictReplayBuffer(storage=storage, sampler=CHERSampler(relabel), transform=relabel)
    buffer.extend(episode(40, number=1))
    index, _ = buffer.sampler.sample(storage, 16)
    for number in range(2, 9):
        buffer.extend(episode(5, number=number))
    batch = relabel(storage.get(index))
    assert (batch["desired_goal"][:, 0] == batch["next", "achieved_goal"][:, 0]).all()


def test_two_samplers_of_one_buffer_take_turns():
    buffer = make_buffer()
    put, taken = record(buffer)
    other = CHERSampler(relabel_of(buffer), **NEAREST)
    for _ in range(4):
        other = buffer.set_sampler(other) or other
        batch = buffer.sample(32)
        assert torch.equal(batch["hindsight", "offset"], put[-1][1].offset)
    assert taken == [True] * 4


def test_two_buffers_do_not_meet():
    buffers = [make_buffer(seed=seed) for seed in (1, 2)]
    notes = [record(buffer) for buffer in buffers]
    for buffer, (put, taken) in [*zip(buffers, notes, strict=True)] * 3:
        batch = buffer.sample(32)
        assert torch.equal(batch["index"], put[-1][0])
        assert taken[-1]


def test_emptying_keeps_the_schedule():
    buffer = make_buffer()
    drawn(buffer, 3)
    buffer.empty()
    buffer.extend(episodes())
    drawn(buffer, 1)
    assert buffer.sampler.state_dict()["step"] == 4
