"""HindsightRelabel: what a batch gets, its state, and where it has to refuse."""

from __future__ import annotations

import pytest
import torch
from helpers.episodes import drawn, episode, make_buffer, reward_fn
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
