"""What a replay buffer goes on from beside its rows."""

import numpy as np
import torch
from helpers.buffers import make_buffer, rows
from torchrl.data import PrioritizedSampler, TensorDictReplayBuffer

from sher_rl.checkpoint.buffer import BufferState


def prioritised(seed: int) -> TensorDictReplayBuffer:
    buffer = make_buffer(sampler=PrioritizedSampler(25, 0.7, 0.5), generator=torch.Generator().manual_seed(seed))
    buffer.extend(rows(20))
    buffer.update_priority(torch.arange(20), torch.arange(20) / 20)
    return buffer


def draws(buffer: TensorDictReplayBuffer) -> list[int]:
    return torch.cat([buffer.sample()["index"] for _ in range(5)]).tolist()


def test_prioritised_draws_are_of_the_buffers_generator_alone():
    drawn = []
    for seed in (1, 2):
        np.random.seed(seed)
        torch.manual_seed(seed)
        before = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
        drawn.append(draws(prioritised(7)))
        assert (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before
    assert drawn[0] == drawn[1] != draws(prioritised(8))


def test_a_restored_state_goes_on_with_the_generators_draws():
    one, other = prioritised(7), prioritised(8)
    draws(one)
    BufferState(other).load_state_dict(BufferState(one).state_dict())
    assert draws(other) == draws(one)
