"""Rows of several steps, whose summed reward no single step's can replace."""

from __future__ import annotations

import pytest
import torch
from helpers.episodes import episode
from torch import Tensor
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose, MultiStepTransform

from sher_rl import HindsightRelabel, UsageError


def cost_of_a_step(achieved: Tensor, desired: Tensor) -> Tensor:
    return -(achieved != desired).any(-1, keepdim=True).float()


def make_buffer(mode: str, relabel_first: bool, n_steps: int) -> TensorDictReplayBuffer:
    storage = LazyTensorStorage(100)
    relabel = HindsightRelabel(cost_of_a_step, storage, strategy="final", k=1, mode=mode)
    several = MultiStepTransform(n_steps, gamma=0.9)
    chain = Compose(relabel, several) if relabel_first else Compose(several, relabel)
    return TensorDictReplayBuffer(storage=storage, transform=chain, batch_size=32)


@pytest.mark.parametrize("mode", ["read", "write"])
@pytest.mark.parametrize("relabel_first", [True, False])
def test_rows_of_several_steps_are_refused_before_a_batch_is_read(mode, relabel_first):
    """They would get the reward of one step, -1, for that of three, -(1 + 0.9 + 0.81)."""
    buffer = make_buffer(mode, relabel_first, n_steps=3)

    def write_and_read() -> None:
        buffer.extend(episode(20))
        buffer.sample()

    with pytest.raises(UsageError, match=r"steps_to_next_obs up to 3.*SliceSampler"):
        write_and_read()


@pytest.mark.parametrize("mode", ["read", "write"])
@pytest.mark.parametrize("relabel_first", [True, False])
def test_rows_of_one_step_are_welcome(mode, relabel_first):
    buffer = make_buffer(mode, relabel_first, n_steps=1)
    buffer.extend(episode(20))
    batch = buffer.sample()
    expected = cost_of_a_step(batch["next", "achieved_goal"], batch["desired_goal"])
    torch.testing.assert_close(batch["next", "reward"], expected)
