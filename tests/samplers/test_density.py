"""CDPSampler and MEPSampler: fits, ranks, and what a state dict brings back."""

from __future__ import annotations

import math
import sys

import pytest
import torch
from helpers.trajectories import episode, goals, make_buffer
from scipy.stats import chisquare
from torchrl.data import LazyMemmapStorage, LazyTensorStorage, ReplayBuffer

from sher_rl import CDPSampler, MEPSampler, UsageError
from sher_rl.checkpoint.buffer import BufferState
from sher_rl.checkpoint.run import RunCheckpoint
from sher_rl.functional.density import complement_density, negative_log_density
from sher_rl.functional.priorities import dense_rank, trajectory_probabilities
from sher_rl.samplers.mixture import fit_mixture

KINDS = [CDPSampler, MEPSampler]
SCORES = {CDPSampler: complement_density, MEPSampler: negative_log_density}


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def fill(buffer: ReplayBuffer, count: int = 30, length: int = 10, first: int = 1) -> list[torch.Tensor]:
    """Write episodes that mostly stay near the origin."""
    paths = [
        goals(3 * number + 1, length + 1) * (3.0 if number % 10 == 0 else 0.3) for number in range(first, first + count)
    ]
    for path in paths:
        buffer.extend(episode(path))
    return paths


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rank", [True, False])
@pytest.mark.parametrize("storage_type", [LazyTensorStorage, LazyMemmapStorage])
def test_probabilities_follow_from_the_density(kind, rank, storage_type):
    sampler = kind(rank=rank, refit_every=10, generator=generator(7))
    buffer = make_buffer(sampler, storage_type=storage_type)
    paths = torch.stack(fill(buffer)).flatten(1)
    twin = generator(7)
    assert sampler.refit(buffer.storage)
    order = torch.rand(30, dtype=torch.float64, generator=twin).argsort()
    seed = int(torch.rand(1, dtype=torch.float64, generator=twin) * 2**31)
    score = SCORES[kind](fit_mixture(paths[order], seed).log_density(paths))
    expected = trajectory_probabilities(dense_rank(score) if rank else score)
    torch.testing.assert_close(sampler.probabilities(), expected)
    count = torch.bincount(torch.cat([buffer.sample()["index"] for _ in range(500)]) // 10, minlength=30)
    assert (count[expected == 0] == 0).all()
    assert chisquare(count[expected > 0].numpy(), 32_000 * expected[expected > 0].numpy()).pvalue > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_rare_trajectories_are_drawn_more(kind):
    sampler = kind(refit_every=10)
    buffer = make_buffer(sampler)
    fill(buffer, count=90)
    sampler.refit(buffer.storage)
    rare = torch.arange(1, 91) % 10 == 0
    assert sampler.probabilities()[rare].mean() > 1.5 * sampler.probabilities()[~rare].mean()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rank", [True, False])
def test_uniform_before_the_first_fit(kind, rank):
    buffer = make_buffer(kind(rank=rank))
    fill(buffer, count=4)
    torch.testing.assert_close(buffer.sampler.probabilities(), torch.full((4,), 0.25, dtype=torch.float64))


def test_refit_waits_for_enough_new_trajectories():
    sampler = MEPSampler(refit_every=10)
    buffer = make_buffer(sampler, 200)
    assert not sampler.refit(buffer.storage)
    fill(buffer, count=9)
    assert not sampler.refit(buffer.storage)
    fill(buffer, count=1, first=10)
    assert sampler.refit(buffer.storage)
    fill(buffer, count=9, first=11)
    assert not sampler.refit(buffer.storage)
    fill(buffer, count=21, first=20)  # the ring has gone round
    assert sampler.refit(buffer.storage)
    assert len(sampler.probabilities()) == 20


def test_an_episode_that_grows_counts_once():
    sampler = MEPSampler(refit_every=4, components=2)
    buffer = make_buffer(sampler)
    for number in range(3):
        for row in episode(goals(number, 11)):
            buffer.add(row)
    assert not sampler.refit(buffer.storage)
    buffer.extend(episode(goals(4, 11)))
    assert sampler.refit(buffer.storage)


def test_new_trajectories_are_scored_by_the_last_fit():
    sampler = MEPSampler(refit_every=10)
    buffer = make_buffer(sampler)
    fill(buffer, count=20)
    sampler.refit(buffer.storage)
    before, mixture = sampler._table.value, sampler._mixture
    path = fill(buffer, count=1, first=40)[0]
    assert (sampler._table.value[:-1] == before).all()
    torch.testing.assert_close(sampler._table.value[-1:], mixture.log_density(path.flatten().unsqueeze(0)))
    sampler.refit(buffer.storage, force=True)
    assert (sampler._table.value[:-1] != before).any()


def test_trajectories_of_other_lengths_are_stretched():
    sampler = MEPSampler(refit_every=5)
    buffer = make_buffer(sampler)
    fill(buffer, count=20, length=10)
    sampler.refit(buffer.storage)
    path = goals(1, 6)
    buffer.extend(episode(path))
    stretched = path[[0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]].flatten().unsqueeze(0)
    torch.testing.assert_close(sampler._table.value[-1:], sampler._mixture.log_density(stretched))
    path = goals(4, 21)
    buffer.extend(episode(path))
    torch.testing.assert_close(
        sampler._table.value[-1:], sampler._mixture.log_density(path[::2].flatten().unsqueeze(0))
    )


def test_points_are_bounded():
    sampler = MEPSampler(refit_every=5, max_points=3)
    buffer = make_buffer(sampler)
    paths = torch.stack(fill(buffer, count=10))
    sampler.refit(buffer.storage)
    expected = sampler._mixture.log_density(paths[:, [0, 5, 10]].flatten(1))
    torch.testing.assert_close(sampler._table.value, expected)


def test_a_fit_uses_a_bounded_sample():
    sampler = MEPSampler(refit_every=5, max_fit=3, components=2)
    buffer = make_buffer(sampler)
    fill(buffer)
    sampler.refit(buffer.storage)
    assert sampler._mixture.axes.shape == (33, 3)  # three trajectories span three directions at most


def test_goals_that_are_not_finite_do_no_harm():
    sampler = MEPSampler(refit_every=5)
    buffer = make_buffer(sampler)
    fill(buffer, count=10)
    buffer.extend(episode(torch.full((11, 3), math.nan, dtype=torch.float64)))
    sampler.refit(buffer.storage)
    assert sampler.probabilities().isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fitted", [True, False])
def test_a_checkpoint_resumes_draws_and_fits(kind, fitted, tmp_path):
    def make(seed: int) -> ReplayBuffer:
        return make_buffer(kind(refit_every=10, generator=generator(seed)), 200)

    first, second = make(1), make(2)
    fill(first)
    if fitted:
        first.sampler.refit(first.storage)
    RunCheckpoint(tmp_path, {}, BufferState(first)).save(1)
    assert RunCheckpoint(tmp_path, {}, BufferState(second)).restore()
    for turn in range(3):
        assert (first.sample()["index"] == second.sample()["index"]).all()
        for buffer in (first, second):
            fill(buffer, count=5, first=50 + 5 * turn)
        assert first.sampler.refit(first.storage) == second.sampler.refit(second.storage)
        assert (first.sampler.probabilities() == second.sampler.probabilities()).all()


def test_dumps_and_loads(tmp_path):
    first, second = (make_buffer(MEPSampler(generator=generator(seed)), 200) for seed in (1, 2))
    fill(first)
    first.sampler.refit(first.storage, force=True)
    first.dumps(tmp_path)
    fill(second, count=1)
    second.loads(tmp_path)
    assert (first.sample()["index"] == second.sample()["index"]).all()


def test_emptying_forgets_the_fit():
    sampler = MEPSampler(refit_every=5)
    buffer = make_buffer(sampler)
    fill(buffer)
    sampler.refit(buffer.storage)
    buffer.empty()
    fill(buffer, count=4)
    torch.testing.assert_close(sampler.probabilities(), torch.full((4,), 0.25, dtype=torch.float64))
    assert not sampler.refit(buffer.storage)
    fill(buffer, count=1)
    assert sampler.refit(buffer.storage)


def test_too_few_trajectories_are_refused():
    sampler = MEPSampler()
    buffer = make_buffer(sampler)
    fill(buffer, count=2)
    with pytest.raises(UsageError, match="holds 2 trajectories"):
        sampler.refit(buffer.storage, force=True)


def test_scikit_learn_is_asked_for_at_the_first_fit(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.mixture", None)
    sampler = MEPSampler(refit_every=5)
    buffer = make_buffer(sampler)
    fill(buffer)
    buffer.sample()
    with pytest.raises(ImportError, match="run pip install scikit-learn"):
        sampler.refit(buffer.storage)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"components": 0}, "components is 0"),
        ({"components": 5, "max_fit": 4}, "components is 5"),
        ({"refit_every": 0}, "refit_every is 0"),
        ({"max_points": 1}, "max_points is 1"),
        ({"temperature": -0.5}, "temperature is -0.5"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_arguments_out_of_range_are_refused(kind, arguments, named):
    with pytest.raises(UsageError, match=named):
        kind(**arguments)
