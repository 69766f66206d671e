"""Hindsight when a transition is written: copies with goals of their own."""

from __future__ import annotations

import pytest
import torch
from helpers.episodes import episode, make_buffer, reward_fn
from torchrl.data import ListStorage, ReplayBuffer, TensorDictReplayBuffer

from sher_rl import HindsightRelabel, UsageError


def test_write_mode_stores_k_goals_a_transition_and_needs_no_storage():
    buffer = ReplayBuffer(
        storage=ListStorage(1000), transform=HindsightRelabel(reward_fn, mode="write", k=3), batch_size=8
    )
    buffer.extend(torch.stack([episode(5, number=0), episode(5, number=1)]))
    rows = torch.stack([buffer.storage[i] for i in range(len(buffer))])
    assert rows.shape == (40,)
    assert rows["hindsight", "relabelled"].sum() == 30
    moved = rows[rows["hindsight", "relabelled"]]
    assert (moved["desired_goal"][:, 0] == moved["next", "achieved_goal"][:, 0]).all()
    assert (moved["desired_goal"][:, 1] - moved["next", "achieved_goal"][:, 1] == moved["hindsight", "offset"]).all()
    assert (moved["next", "reward"] == reward_fn(moved["next", "achieved_goal"], moved["desired_goal"])).all()
    assert buffer.sample()["hindsight", "relabelled"].shape == (8,)


@pytest.mark.parametrize("kind", [TensorDictReplayBuffer, ReplayBuffer])
def test_write_mode_refuses_single_transitions(kind):
    with pytest.raises(UsageError, match="extend"):
        make_buffer(10, kind=kind, mode="write").add(episode(5)[0])
