"""The table of trajectories against a model that keeps whole episodes, and draws from it."""

from __future__ import annotations

import pickle

import pytest
import torch
from helpers.trajectories import episode, goals, make_buffer, reward_fn
from helpers.trajectory_model import slow_energy
from scipy.stats import chisquare
from torchrl.data import LazyMemmapStorage, LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer

from sher_rl import EBPSampler, HindsightRelabel, UsageError


@pytest.mark.parametrize("storage_type", [LazyTensorStorage, LazyMemmapStorage])
def test_frequencies_are_the_probabilities(storage_type):
    buffer = make_buffer(EBPSampler(), 60, storage_type=storage_type, generator=torch.Generator().manual_seed(0))
    for number in range(12):  # 100 rows: the first ones are overwritten, and one episode in part
        buffer.extend(episode(goals(number, 9 + number % 3)))
    index = torch.cat([buffer.sample()["index"] for _ in range(1000)])
    table, probabilities = buffer.sampler._table, buffer.sampler.probabilities()
    lengths = table.edges.diff()
    expected = torch.zeros(60, dtype=torch.float64)
    expected[torch.arange(table.oldest, table.end) % 60] = (probabilities / lengths).repeat_interleave(lengths)
    count = torch.bincount(index, minlength=60)
    assert (count[expected == 0] == 0).all()
    assert chisquare(count[expected > 0].numpy(), 64_000 * expected[expected > 0].numpy()).pvalue > 1e-3


def test_an_episode_partly_overwritten_keeps_its_score_and_loses_rows():
    buffer = make_buffer(EBPSampler(), 16)
    for number in (1, 2):
        buffer.extend(episode(goals(number, 9)))
    before = buffer.sampler.probabilities()
    buffer.extend(episode(goals(2, 7)))  # over six rows of the first
    energy = torch.tensor([slow_energy(1, 8), slow_energy(2, 8), slow_energy(2, 6)], dtype=torch.float64)
    weight = energy ** (1 / 1.01)
    torch.testing.assert_close(before, weight[:2] / weight[:2].sum())
    weight[0] *= 2 / 8
    torch.testing.assert_close(buffer.sampler.probabilities(), weight / weight.sum())
    buffer.extend(episode(goals(1, 3)))
    assert len(buffer.sampler.probabilities()) == 3


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("of_buffer", [True, False])
def test_a_state_dict_resumes_the_draws(of_buffer):
    def make(seed: int) -> ReplayBuffer:
        if of_buffer:
            return make_buffer(EBPSampler(), 40, generator=generator(seed))
        return make_buffer(EBPSampler(generator=generator(seed)), 40)

    first, second = make(1), make(2)
    for number in range(9):
        first.extend(episode(goals(number, 8)))
    first.sample()
    second.load_state_dict(first.state_dict())
    for number in range(3):
        assert (first.sample()["index"] == second.sample()["index"]).all()
        for buffer in (first, second):
            buffer.extend(episode(goals(number, 10)))


def test_a_seed_decides_every_draw():
    def run(seed: int) -> torch.Tensor:
        buffer = make_buffer(EBPSampler(generator=generator(seed)))
        buffer.extend(episode(goals(1, 40)))
        return buffer.sample()["index"]

    assert (run(1) == run(1)).all()
    assert (run(1) != run(2)).any()


def test_dumps_loads_and_pickle(tmp_path):
    first, second = (make_buffer(EBPSampler(generator=generator(seed)), 40) for seed in (1, 2))
    for number in range(9):
        first.extend(episode(goals(number, 8)))
    first.dumps(tmp_path)
    second.extend(episode(goals(1, 2)))
    second.loads(tmp_path)
    third = pickle.loads(pickle.dumps(first))
    indices = [buffer.sample()["index"] for buffer in (first, second, third)]
    assert (indices[0] == indices[1]).all()
    assert (indices[0] == indices[2]).all()


def test_prefetching_threads_sample():
    buffer = make_buffer(EBPSampler(), 50, prefetch=3)
    for number in range(20):
        buffer.extend(episode(goals(number, 9)))
        assert (buffer.sample()["index"] < len(buffer)).all()


def test_the_batch_is_relabelled_within_its_episode():
    buffer = make_buffer(EBPSampler(), 100)
    for number in range(1, 15):
        buffer.extend(episode(torch.cat((goals(number, 10, 2), torch.full((10, 1), float(number))), -1)))
    batch = buffer.sample()
    moved = batch["hindsight", "relabelled"]
    assert moved.any()
    assert (batch["desired_goal"][moved, 2] == batch["next", "achieved_goal"][moved, 2]).all()
    assert "priority_weight" not in batch


def test_an_empty_buffer_is_refused():
    buffer = make_buffer(EBPSampler())
    with pytest.raises(UsageError, match="empty"):
        buffer.sample()
    buffer.extend(episode(goals(1, 5)))
    buffer.empty()
    with pytest.raises(UsageError, match="empty"):
        buffer.sample()


def test_write_mode_and_a_missing_transform_are_refused():
    storage = LazyTensorStorage(50)
    relabel = HindsightRelabel(reward_fn, mode="write", k=2)
    buffer = TensorDictReplayBuffer(storage=storage, sampler=EBPSampler(), transform=relabel)
    with pytest.raises(UsageError, match="mode='write'"):
        buffer.extend(episode(goals(1, 5)))
    buffer = TensorDictReplayBuffer(storage=LazyTensorStorage(50), sampler=EBPSampler())
    with pytest.raises(UsageError, match="first transform"):
        buffer.extend(episode(goals(1, 5)))


def test_storages_of_other_dimensions_are_refused():
    buffer = TensorDictReplayBuffer(storage=LazyTensorStorage(50, ndim=2), sampler=EBPSampler())
    with pytest.raises(UsageError, match="ndim=1"):
        buffer.extend(episode(goals(1, 5)).unsqueeze(0))


def test_rows_without_the_first_goal_are_refused():
    with pytest.raises(UsageError, match="'achieved_goal'"):
        make_buffer(EBPSampler()).extend(episode(goals(1, 5)).exclude("achieved_goal"))


@pytest.mark.parametrize("temperature", [-1.0, float("nan")])
def test_temperatures_out_of_range_are_refused(temperature):
    with pytest.raises(UsageError, match="temperature is"):
        EBPSampler(temperature=temperature)
