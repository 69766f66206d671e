"""Hindsight when a batch is read: state, copies, and rows read in any shape."""

from __future__ import annotations

import pickle

import pytest
import torch
from helpers.episodes import drawn, episode, make_buffer, relabel_of, reward_fn
from torchrl.data import LazyTensorStorage

from sher_rl import HindsightRelabel, UsageError


def test_state_dict_restores_draws_and_data():
    first, second = (
        make_buffer(50, strategy="episode", ratio=1.0, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)
    )
    for number in range(12):
        first.extend(episode(7, number=number))
    drawn(first, 3)
    second.load_state_dict(first.state_dict())
    assert (drawn(first, 30)["desired_goal"] == drawn(second, 30)["desired_goal"]).all()
    for buffer in (first, second):
        buffer.extend(episode(5, number=99))
    assert (drawn(first, 30)["desired_goal"] == drawn(second, 30)["desired_goal"]).all()


def test_dumps_and_loads(tmp_path):
    first, second = (make_buffer(50, strategy="episode", generator=torch.Generator().manual_seed(s)) for s in (1, 2))
    for number in range(9):
        first.extend(episode(7, number=number))
    first.dumps(tmp_path)
    second.extend(episode(1))
    second.loads(tmp_path)
    assert (drawn(first, 30)["desired_goal"] == drawn(second, 30)["desired_goal"]).all()


@pytest.mark.parametrize("index", [3, torch.tensor([[0, 1, 2], [3, 4, 5]]), slice(2, 4), [1, 2]])
def test_rows_can_be_read_in_any_shape(index):
    buffer = make_buffer(20)
    buffer.extend(episode(8))
    rows = buffer[index]
    assert rows.batch_size == torch.empty(20)[index].shape
    assert rows["desired_goal"].shape == (*rows.batch_size, 2)
    assert rows["hindsight", "relabelled"].shape == rows.batch_size


def test_a_state_saved_without_a_generator_leaves_the_generator_as_it_is():
    relabel = HindsightRelabel(reward_fn, LazyTensorStorage(5), generator=torch.Generator().manual_seed(3))
    relabel.load_state_dict(HindsightRelabel(reward_fn, LazyTensorStorage(5)).state_dict())
    assert torch.equal(relabel.generator.get_state(), torch.Generator().manual_seed(3).get_state())


def test_pickle_keeps_the_pieces_together():
    buffer = make_buffer(50, strategy="episode", ratio=1.0, generator=torch.Generator().manual_seed(3))
    buffer.extend(episode(20, done=False))
    copy = pickle.loads(pickle.dumps(buffer))
    assert relabel_of(copy).storage is copy.storage
    assert (drawn(copy, 5)["desired_goal"] == drawn(buffer, 5)["desired_goal"]).all()
    copy.add(episode(1, number=5)[0])
    assert (drawn(copy, 5)["desired_goal"][..., 0] == torch.tensor([0.0] * 20 + [5.0]).unsqueeze(-1)).all()


def test_writing_leaves_the_callers_data_alone():
    data = episode(20)
    before, goals = set(data.keys(True, True)), data["desired_goal"].clone()
    make_buffer(50).extend(data)
    assert set(data.keys(True, True)) - before <= {"index"}
    assert (data["desired_goal"] == goals).all()


def test_rows_written_without_the_transform_are_refused():
    buffer = make_buffer(10)
    transform, buffer._transform = buffer._transform, None
    buffer.extend(episode(5))
    with pytest.raises(UsageError, match="remaining"):
        transform[0](buffer.storage.get(torch.arange(3)))
