import torch
from hypothesis import given
from hypothesis import strategies as st

from sher_rl.functional.goal_offsets import future_offset


@given(st.integers(0, 10**6), st.integers(0, 2**62 - 1))
def test_future_offset_stays_in_the_episode(remaining: int, draw: int) -> None:
    assert 0 <= future_offset(torch.tensor(remaining), torch.tensor(draw)).item() <= remaining


def test_future_offset_is_uniform() -> None:
    offsets = future_offset(torch.full((100_000,), 4), torch.randint(2**62, (100_000,)))
    counts = torch.bincount(offsets, minlength=5).double()
    assert len(counts) == 5
    assert ((counts - 20_000).square() / 20_000).sum() < 18.5  # chi-square, 4 degrees of freedom, p = 0.001
