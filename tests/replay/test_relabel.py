"""HindsightRelabel: what a batch gets, its state, and where it has to refuse."""

from __future__ import annotations

import pytest
import torch
from helpers.episodes import drawn, episode, make_buffer, reward_fn
from helpers.moving import moving_episode
from helpers.moving import reward_fn as moving_reward
from torch import Tensor
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import CatTensors, Compose

from sher_rl import HindsightRelabel, UsageError


def test_what_follows_sees_the_new_goal():
    storage = LazyTensorStorage(50)
    join = CatTensors(["observation", "desired_goal"], "state", del_keys=False, sort=False)
    buffer = TensorDictReplayBuffer(storage=storage, transform=Compose(HindsightRelabel(reward_fn, storage), join))
    buffer.extend(episode(20))
    batch = buffer.sample(100)
    assert (batch["state"][:, 2:] == batch["desired_goal"]).all()


def test_reading_all_of_a_full_buffer_leaves_what_it_holds():
    storage = LazyTensorStorage(20)
    buffer = TensorDictReplayBuffer(storage=storage, transform=HindsightRelabel(reward_fn, storage))
    buffer.extend(episode(20))
    held = storage.get(range(20)).clone()
    assert not torch.equal(buffer[:]["desired_goal"], held["desired_goal"])
    assert (storage.get(range(20)) == held).all()


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_row_that_keeps_its_goal_keeps_the_next_one_and_a_goal_drawn_stands_still(mode: str) -> None:
    storage = LazyTensorStorage(200)
    relabel = HindsightRelabel(moving_reward, storage if mode == "read" else None, k=1, mode=mode)
    buffer = TensorDictReplayBuffer(storage=storage, transform=relabel, batch_size=300)
    written = moving_episode(20, 0, seed=0)
    buffer.extend(written.clone())
    batch = buffer.sample()
    own = written[batch["observation"][:, 1].long()]
    drawn = batch["hindsight", "relabelled"]
    assert drawn.any()
    assert not drawn.all()
    now, after = batch["desired_goal"], batch["next", "desired_goal"]
    assert torch.equal(now[drawn], after[drawn])
    assert torch.equal(now[~drawn], own["desired_goal"][~drawn])
    assert torch.equal(after[~drawn], own["next", "desired_goal"][~drawn])
    assert torch.equal(batch["next", "reward"], moving_reward(batch["next", "achieved_goal"], after))


def test_a_seed_decides_every_draw():
    def run(seed: int) -> Tensor:
        buffer = make_buffer(50, strategy="future", generator=torch.Generator().manual_seed(seed))
        buffer.extend(episode(20))
        return drawn(buffer, 20)["desired_goal"]

    assert (run(1) == run(1)).all()
    assert (run(1) != run(2)).any()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"k": -1}, "k is -1"),
        ({"k": float("nan")}, "k is nan"),
        ({"ratio": 1.5}, "ratio is 1.5"),
        ({"ratio": 0.5, "strategy": {"future": 1, "real": 1}}, "ratio is 0.5"),
        ({"strategy": "past"}, "strategy is 'past'"),
        ({"strategy": "real"}, "strategy is 'real'"),
        ({"strategy": {"past": 1.0}}, "strategy is {'past': 1.0}"),
        ({"strategy": {"future": -1.0}}, "strategy is {'future': -1.0}"),
        ({"strategy": {}}, "strategy is {}"),
        ({"mode": "both"}, "mode is 'both'"),
        ({"mode": "write", "k": 1.5}, "k is 1.5"),
        ({"mode": "write", "ratio": 0.8}, "ratio"),
        ({"mode": "write", "strategy": "actual"}, "one write only"),
        ({"mode": "write", "strategy": {"future": 1, "random": 1}}, "random"),
        ({"mode": "write", "strategy": {"future": 1, "real": 1}}, "real"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, named):
    with pytest.raises(UsageError) as error:
        HindsightRelabel(reward_fn, LazyTensorStorage(10), **arguments)
    assert named in str(error.value)
