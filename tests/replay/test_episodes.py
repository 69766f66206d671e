"""What counts as an episode, as transitions are written."""

from __future__ import annotations

import itertools

import pytest
import torch
from helpers.episodes import drawn, episode, make_buffer, relabel_of, reward_fn
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer

from sher_rl import HindsightRelabel


def test_single_transitions_make_up_episodes():
    buffer = make_buffer(100, strategy="final", ratio=1.0)
    for number in range(3):
        for row in episode(6, number=number).unbind(0):
            buffer.add(row)
    batch = drawn(buffer, 1).reshape(-1)
    assert batch["desired_goal"].tolist() == [[number, 6] for number in range(3) for _ in range(6)]


def test_trajectory_ids_part_a_flat_write_of_several_environments():
    buffer = make_buffer(100, strategy="episode", ratio=1.0)
    data = torch.cat([episode(5, number=number, done=False) for number in range(4)])
    data["collector", "traj_ids"] = torch.arange(4).repeat_interleave(5)
    buffer.extend(data)
    batch = drawn(buffer, 100)
    assert (batch["desired_goal"][..., 0] == batch["next", "achieved_goal"][..., 0]).all()


def test_fake_data_of_collectors_leave_no_trace():
    for mode, zeros in itertools.product(("read", "write"), (torch.Size([1]), torch.Size([3, 1]))):
        storage = LazyTensorStorage(50)
        buffer = TensorDictReplayBuffer(
            storage=storage, transform=HindsightRelabel(reward_fn, storage, mode=mode, k=1, strategy="episode")
        )
        fake = episode(1).zero_()[0].expand(zeros).clone()
        fake["collector", "traj_ids"] = torch.zeros(zeros, dtype=torch.long)
        buffer.extend(fake)
        buffer.empty()
        data = episode(5, number=3)
        data["collector", "traj_ids"] = torch.zeros(5, dtype=torch.long)
        buffer.extend(data)
        assert (buffer.sample(100)["next", "achieved_goal"][:, 0] == 3).all()


@pytest.mark.parametrize("by_files", [False, True])
def test_an_episode_written_after_loading_is_none_of_those_loaded(by_files, tmp_path):
    first, second = (make_buffer(50, ratio=1.0) for _ in range(2))
    for number, length in enumerate((10, 20, 30)):  # the second begins at slot 10, and so does the next write
        first.extend(episode(length, number=number))
    if by_files:
        first.dumps(tmp_path)
        second.loads(tmp_path)
    else:
        second.load_state_dict(first.state_dict())
    loaded = second.storage.get(torch.arange(50))
    rows = second.storage.get(torch.arange(10, 30))  # as a prefetching thread holds them
    written = second.storage.get(second.extend(episode(5, number=9)))
    assert not torch.isin(written["hindsight", "trajectory"], loaded["hindsight", "trajectory"]).any()
    for _ in range(20):
        assert (relabel_of(second)(rows.clone())["desired_goal"][:, 0] == 1).all()


def test_write_of_a_relabelled_batch_annotates_it_anew():
    buffer, other = make_buffer(50), make_buffer(50, strategy="final", ratio=1.0)
    buffer.extend(episode(20))
    other.extend(buffer.storage.get(torch.arange(20)))
    assert (drawn(other, 2)["desired_goal"] == torch.tensor([0.0, 20.0])).all()
