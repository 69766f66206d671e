"""Which goals HindsightRelabel draws, against a brute-force model and by their distribution."""

from __future__ import annotations

import pytest
import torch
from helpers.episodes import DRAWS, Model, drawn, episode, make_buffer, relabel_of, reward_fn, writes
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import ReplayBuffer, TensorDictReplayBuffer

from sher_rl import HindsightRelabel


def check_against_model(capacity: int, strategy: str, steps: list, kind: type[ReplayBuffer]) -> None:
    buffer, model = make_buffer(capacity, kind=kind, strategy=strategy, ratio=1.0), Model(capacity)
    for dones, ids, by_add in steps:
        if sum(map(len, dones)) > capacity or model.in_turns(dones, ids):
            continue
        data = model.write(dones, ids)
        if ids:
            data["collector", "traj_ids"] = torch.tensor(ids)
        if data.numel() == 1 and by_add:
            buffer.add(data.reshape(()))
        else:
            buffer.extend(data if len(dones) > 1 else data[0])
    if not model.rows:
        return
    batch = drawn(buffer)
    seen = {}
    for row in batch.unbind(0):
        number, step = row["next", "achieved_goal"][0].tolist()
        seen[number, step] = set(map(tuple, row["desired_goal"].unique(dim=0).tolist()))
    assert seen == {row: model.goals(strategy, row) for row in model.rows}
    assert (batch["next", "desired_goal"] == batch["desired_goal"]).all()
    flat = batch.reshape(-1)[:: DRAWS // 20]
    for row in flat.unbind(0):
        achieved, goal = row["next", "achieved_goal"].tolist(), row["desired_goal"].tolist()
        assert row["next", "reward"].item() == sum(1000 * a + g for a, g in zip(achieved, goal, strict=True))


@given(
    capacity=st.integers(1, 40),
    strategy=st.sampled_from(["future", "next", "final", "episode", "random", "actual"]),
    steps=writes(),
    kind=st.sampled_from([TensorDictReplayBuffer, ReplayBuffer]),
)
def test_goals_are_those_of_a_brute_force_model(capacity, strategy, steps, kind):
    check_against_model(capacity, strategy, steps, kind)


@pytest.mark.parametrize("strategy", ["future", "next", "final", "episode", {"future": 3, "next": 1}])
def test_read_and_write_draw_the_same_distribution(strategy):
    lengths, copies = (1, 4, 7), 2_000
    episodes = torch.cat([episode(length, number=number) for number, length in enumerate(lengths)])
    read = make_buffer(100, strategy=strategy, k=4, generator=torch.Generator().manual_seed(1))
    read.extend(episodes)
    write = HindsightRelabel(
        reward_fn, strategy=strategy, k=4, mode="write", generator=torch.Generator().manual_seed(2)
    )
    from_read = drawn(read, times=5 * copies).reshape(-1)
    from_write = torch.cat([write.inv(episodes) for _ in range(copies)])
    assert from_read.numel() == from_write.numel() == 12 * 5 * copies  # 120,000 draws of each
    counts = torch.stack([_counts(batch, lengths) for batch in (from_read, from_write)])
    counts = counts[:, counts.sum(0) > 0]
    expected = counts.sum(0) / 2
    # Two-sample test. The number of originals is 1 in 5 by design in the one and a draw in the other, so the
    # pooled expectation is right up to that, and the test is on the conservative side.
    for mode in counts:
        assert chisquare(mode.numpy(), (expected * mode.sum() / expected.sum()).numpy()).pvalue > 1e-3


def _counts(batch: TensorDict, lengths: tuple[int, ...]) -> Tensor:
    """How often each transition met each goal, the original one included."""
    row, goal, top = batch["next", "achieved_goal"].long(), batch["desired_goal"].long(), max(lengths) + 1
    met = torch.where(goal[:, 0] < 0, 0, goal[:, 1])
    cells = (row[:, 0] * top + row[:, 1]) * top + met
    return torch.bincount(cells, minlength=len(lengths) * top * top).double()


ELIGIBLE = {
    "future": lambda same, ahead, last: same & (ahead >= 0),
    "next": lambda same, ahead, last: same & (ahead == 0),
    "final": lambda same, ahead, last: same & last,
    "episode": lambda same, ahead, last: same,
    "random": lambda same, ahead, last: same | True,
    "actual": lambda same, ahead, last: ~same,
}


@pytest.mark.parametrize("strategy", ELIGIBLE)
def test_each_strategy_is_uniform_over_the_rows_that_are_alive(strategy):
    buffer = make_buffer(12, strategy=strategy, ratio=1.0)
    for number, length in enumerate((5, 6, 4, 3)):
        buffer.extend(episode(length, number=number))
    stored = buffer.storage.get(torch.arange(12))
    number, step = stored["next", "achieved_goal"].unbind(-1)
    assert number.unique().tolist() == [1, 2, 3]
    last = torch.stack([step == step[number == own].max() for own in number]).diagonal()
    for row, draws in enumerate(drawn(buffer, 10_000).unbind(0)):
        eligible = ELIGIBLE[strategy](number == number[row], step - step[row], last)
        goals = stored["desired_goal"] if strategy == "actual" else stored["next", "achieved_goal"]
        known, weights = goals[eligible].unique(dim=0, return_counts=True)
        met, counts = draws["desired_goal"].unique(dim=0, return_counts=True)
        assert torch.equal(met, known)
        assert len(counts) == 1 or chisquare(counts, weights.double() / weights.sum() * 10_000).pvalue > 1e-5


def test_a_ratio_is_a_share_of_the_rows():
    buffer = make_buffer(100, strategy="future", ratio=0.5)
    buffer.extend(episode(8))
    assert abs(drawn(buffer, 100_000)["hindsight", "relabelled"][0].double().mean() - 0.5) < 0.01


def test_a_mixture_has_its_weights():
    buffer = make_buffer(100, strategy={"future": 0.4, "actual": 0.4, "real": 0.2})
    buffer.extend(torch.cat([episode(5, number=number) for number in range(4)]))
    batch = drawn(buffer, 20_000)[:5].reshape(-1)  # rows of episode 0
    desired, offset = batch["desired_goal"], batch["hindsight", "offset"]
    own, other = (desired == torch.tensor([-1.0, 0.0])).all(-1), (desired[:, 0] == -1) & (desired[:, 1] < 0)
    shares = [own.double().mean(), other.double().mean(), (desired[:, 0] == 0).double().mean()]
    assert torch.stack(shares).sub(torch.tensor([0.2, 0.4, 0.4])).abs().max() < 0.01
    assert (batch["hindsight", "relabelled"] == ~own).all()
    assert (offset[own] == 0).all()
    assert (offset[desired[:, 0] == 0] <= 4).all()


def test_a_share_of_next_goals_beside_future_ones():
    buffer = make_buffer(100, strategy={"future": 0.6, "next": 0.2, "real": 0.2})
    buffer.extend(episode(5))
    batch = drawn(buffer, 20_000)
    first = batch[0]  # of five steps: a next goal, or one of five future ones
    offset, relabelled = first["hindsight", "offset"], first["hindsight", "relabelled"]
    shares = [(offset[relabelled] == ahead).double().mean() for ahead in range(5)]
    assert torch.stack(shares).sub(torch.tensor([0.4, 0.15, 0.15, 0.15, 0.15])).abs().max() < 0.01
    assert abs(relabelled.double().mean() - 0.8) < 0.01
    assert (batch[-1]["hindsight", "offset"] == 0).all()


def test_rows_are_drawn_one_by_one_and_not_the_first_ones():
    buffer = make_buffer(1000, k=4)
    buffer.extend(episode(1000))
    masks = torch.stack([buffer.sample(50)["hindsight", "relabelled"] for _ in range(400)]).double()
    assert masks.mean(0).min() > 0.7
    assert masks.mean(0).max() < 0.9
    assert masks.sum(1).std() > 2  # binomial: 2.8


def test_the_choice_of_goals_stands_alone():
    buffer = make_buffer(50, strategy="final", ratio=1.0)
    buffer.extend(torch.cat([episode(5, number=number) for number in range(3)]))
    rows = buffer.storage.get(torch.tensor([0, 7]))
    choice = relabel_of(buffer).choose(rows)
    assert choice.slot.tolist() == [4, 9]
    assert relabel_of(buffer).goals(rows, choice).tolist() == [[0, 5], [1, 5]]
    assert (rows["desired_goal"][:, 0] == -1).all()
