"""The table of trajectories against a model that keeps whole episodes."""

from __future__ import annotations

import pytest
import torch
from helpers.episodes import writes
from helpers.trajectories import episode, goals, make_buffer, reward_fn
from helpers.trajectory_model import Episodes, slow_energy
from hypothesis import given, settings
from hypothesis import strategies as st
from torchrl.data import LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer

from sher_rl import EBPSampler, HindsightRelabel

GRID = 20_000


def check(buffer: ReplayBuffer, model: Episodes, rank: bool) -> None:
    """Slots of evenly spaced quantiles are as many as their probability."""
    sampler = buffer.sampler
    drawn, sampler._uniform = sampler._uniform, lambda n: (torch.arange(n, dtype=torch.float64) + 0.5) / n
    index, info = sampler.sample(buffer.storage, GRID)
    sampler._uniform = drawn
    assert info == {}
    count = torch.bincount(index, minlength=model.capacity)
    expected = torch.zeros(model.capacity, dtype=torch.float64)
    for slot, chance in model.chances(rank).items():
        expected[slot] = chance * GRID
    assert (count - expected).abs().max() <= 1.01
    probabilities = sampler.probabilities()
    assert len(probabilities) == len({number for number, _ in model.rows})
    assert probabilities.sum().item() == pytest.approx(1)


property_arguments = given(
    capacity=st.integers(1, 40),
    steps=writes(),
    events=st.lists(
        st.sampled_from([None, None, None, "check", "empty", "resume", "rebuild"]), min_size=12, max_size=12
    ),
    kind=st.sampled_from([TensorDictReplayBuffer, ReplayBuffer]),
    rank=st.booleans(),
)


def check_against_model(capacity, steps, events, kind, rank) -> None:
    buffer, model = make_buffer(EBPSampler(rank=rank), capacity, kind=kind), Episodes(capacity)
    for (dones, ids, by_add), event in zip(steps, events, strict=False):
        if sum(map(len, dones)) > capacity:
            continue
        data = model.write(dones, ids)
        if ids:
            data["collector", "traj_ids"] = torch.tensor(ids)
        if data.numel() == 1 and by_add:
            buffer.add(data.reshape(()))
        else:
            buffer.extend(data if len(dones) > 1 else data[0])
        if event == "check":
            check(buffer, model, rank)
        elif event == "empty":
            buffer.empty()
            model.empty()
        elif event == "resume":
            other = make_buffer(EBPSampler(rank=rank), capacity, kind=kind)
            other.load_state_dict(buffer.state_dict())
            buffer = other
        elif event == "rebuild" and len(model.rows) == model.total:
            buffer.set_sampler(EBPSampler(rank=rank))
            check(buffer, model, rank)  # it reads the rows now; those overwritten before are unknown to it
    if model.rows:
        check(buffer, model, rank)


@settings(max_examples=150, deadline=None)
@property_arguments
def test_the_table_is_that_of_a_brute_force_model(capacity, steps, events, kind, rank):
    check_against_model(capacity, steps, events, kind, rank)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@property_arguments
def test_the_table_is_that_of_a_brute_force_model_in_many_examples(capacity, steps, events, kind, rank):
    check_against_model(capacity, steps, events, kind, rank)


def test_an_unfinished_episode_is_scored_anew_as_it_grows():
    buffer = make_buffer(EBPSampler())
    buffer.extend(episode(goals(1, 5)))
    for length, row in enumerate(episode(goals(2, 7)), 1):
        buffer.add(row)
        values = torch.tensor([slow_energy(1, 4), slow_energy(2, length)], dtype=torch.float64)
        torch.testing.assert_close(buffer.sampler._table.value, values)


def test_a_sampler_set_later_reads_what_is_stored():
    buffer = TensorDictReplayBuffer(storage=LazyTensorStorage(20), batch_size=8)
    buffer.append_transform(HindsightRelabel(reward_fn, buffer.storage))
    for number in range(5):
        buffer.extend(episode(goals(number + 1, 8)))
    buffer.set_sampler(EBPSampler())
    buffer.sample()
    values = torch.tensor([slow_energy(4, 7), slow_energy(5, 7)], dtype=torch.float64)
    torch.testing.assert_close(buffer.sampler._table.value[1:], values)
    assert buffer.sampler._table.edges.diff().tolist() == [6, 7, 7]
