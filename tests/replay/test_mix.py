"""MixDemonstrations: which rows are replaced, by what, and that the draws can be resumed."""

from __future__ import annotations

import pytest
import torch
from helpers.episodes import episode, reward_fn
from hypothesis import given
from hypothesis import strategies as st
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose

from sher_rl import HindsightRelabel, MixDemonstrations, UsageError
from sher_rl.replay.relay import by_turns

SHOWN, OWN = (0, 1, 2), (7, 8, 9)  # numbers of episodes


def make_buffer(numbers: tuple[int, ...], *more: torch.nn.Module, seed: int = 0) -> TensorDictReplayBuffer:
    generator = torch.Generator().manual_seed(seed)
    storage = LazyTensorStorage(100)
    relabel = HindsightRelabel(reward_fn, storage, k=1, generator=generator)
    buffer = TensorDictReplayBuffer(storage=storage, transform=Compose(relabel, *more), generator=generator)
    for number in numbers:
        buffer.extend(episode(5 + number, number=number))
    return buffer


def mixed(share: float = 0.5, seed: int = 1) -> TensorDictReplayBuffer:
    return make_buffer(OWN, MixDemonstrations(make_buffer(SHOWN, seed=seed), share=share))


@given(rows=st.integers(1, 70), share=st.floats(0, 1))
def test_rows_by_turns_are_whole_rows_of_demonstrations(rows: int, share: float) -> None:
    batch = mixed(share).sample(rows)
    mine = by_turns(rows, share)
    assert torch.equal(batch["demonstration"], mine)
    number = batch["observation"][:, 0]
    assert torch.equal((number[:, None] == torch.tensor(SHOWN)).any(-1), mine)
    assert (number[~mine][:, None] == torch.tensor(OWN)).any(-1).all()
    own_goal = torch.stack((torch.full_like(number, -1.0), -number), -1)
    source = batch["observation"][:, 1].long() + 1 + batch["hindsight", "offset"]
    drawn = torch.stack((number, source.double()), -1)  # what the same episode achieved then
    expected = torch.where(batch["hindsight", "relabelled"].unsqueeze(-1), drawn, own_goal)
    assert torch.equal(batch["desired_goal"], expected)
    assert torch.equal(batch["next", "reward"], reward_fn(batch["next", "achieved_goal"], expected))
    assert torch.equal(batch["next", "observation"][:, 1], batch["observation"][:, 1] + 1)


def test_each_part_of_a_batch_has_its_share() -> None:
    assert [part["demonstration"].sum() for part in mixed(0.25).sample(320).split(32)] == [8] * 10


def test_storages_are_left_as_they_are() -> None:
    buffer = mixed(1.0)
    before = buffer.storage.get(slice(0, len(buffer))).clone()
    buffer[:]
    buffer.sample(50)
    assert (buffer.storage.get(slice(0, len(buffer))) == before).all()


def test_all_demonstrations_are_drawn() -> None:
    batch = mixed().sample(2000)
    seen = {tuple(row.tolist()) for row in batch["observation"][batch["demonstration"]]}
    assert len(seen) == sum(5 + number for number in SHOWN)


def test_draws_go_on_from_a_state() -> None:
    buffer = mixed()
    buffer.sample(30)
    state = buffer.transform.state_dict()
    expected = buffer.transform[1].demonstrations.sample(40)
    other = mixed(seed=5)
    other.transform.load_state_dict(state)
    found = other.transform[1].demonstrations.sample(40)
    assert (found == expected).all()


def test_a_state_of_other_demonstrations_is_refused() -> None:
    state = mixed().transform.state_dict()
    other = make_buffer(OWN, MixDemonstrations(make_buffer((0, 1, 3))))
    with pytest.raises(UsageError, match="demonstrations are not those that the state is of"):
        other.transform.load_state_dict(state)


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan"), "half"])
def test_a_share_out_of_range_is_refused(share: object) -> None:
    with pytest.raises(UsageError, match="share is"):
        MixDemonstrations(make_buffer(SHOWN), share=share)


@pytest.mark.parametrize("wrong", [None, make_buffer(())])
def test_demonstrations_without_rows_are_refused(wrong: object) -> None:
    with pytest.raises(UsageError, match=r"demonstrations is a \w+ without rows"):
        MixDemonstrations(wrong)


@pytest.mark.parametrize(("key", "found"), [("extra", "nothing"), ("observation", r"the shape \(2,\)")])
def test_demonstrations_of_another_layout_are_refused(key: str, found: str) -> None:
    mix = MixDemonstrations(make_buffer(SHOWN))
    batch = make_buffer(OWN).sample(10).set(key, torch.zeros(10, 5))
    with pytest.raises(UsageError, match=f"demonstrations have {found} for '{key}'"):
        mix(batch)
