"""The table of trajectories against a model that keeps whole episodes, and draws from it."""

from __future__ import annotations

import pickle
from collections import Counter
from itertools import pairwise

import pytest
import torch
from helpers.episodes import Model, writes
from helpers.trajectories import episode, goals, make_buffer, reward_fn
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torchrl.data import LazyMemmapStorage, LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer

from sher_rl import EBPSampler, HindsightRelabel, UsageError

GRID = 20_000


def slow_energy(number: int, steps: int) -> float:
    path, total, before = goals(number, steps + 1).tolist(), 0.0, 0.0
    for old, new in pairwise(path):
        speed = sum((b - a) ** 2 for a, b in zip(old, new, strict=True)) / 0.04**2
        energy = 9.81 * (new[2] - path[0][2]) + speed / 2
        total, before = total + max(energy - before, 0.0), energy
    return total


class Episodes(Model):
    """Whole episodes, of which the last ``capacity`` rows are alive."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.total, self.lengths = 0, Counter()

    def write(self, dones, ids):
        data = super().write(dones, ids)
        number, step = data["achieved_goal"].long().unbind(-1)
        path = torch.stack(
            [goals(n, s + 2)[-2:] for n, s in zip(number.ravel().tolist(), step.ravel().tolist(), strict=True)]
        )
        data["achieved_goal"], data["next", "achieved_goal"] = path.reshape(*data.shape, 2, 3).unbind(-2)
        data["desired_goal"] = data["next", "desired_goal"] = torch.zeros_like(data["achieved_goal"])
        self.total += data.numel()
        self.lengths.update(number.ravel().tolist())
        return data

    def empty(self) -> None:
        self.rows.clear()
        self.total, self.open = 0, None

    def chances(self, rank: bool) -> dict[int, float]:
        """Probability of each alive slot."""
        alive = Counter(number for number, _ in self.rows)
        score = {number: slow_energy(number, self.lengths[number]) for number in alive}
        if rank:
            order = sorted(set(score.values()))
            score = {number: float(order.index(value)) for number, value in score.items()}
        if not any(score.values()):
            score = dict.fromkeys(score, 1.0)
        row = {number: value ** (1 / 1.01) / self.lengths[number] for number, value in score.items()}
        total = sum(row[number] for number, _ in self.rows)
        first = self.total - len(self.rows)
        return {(first + i) % self.capacity: row[number] / total for i, (number, _) in enumerate(self.rows)}


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
