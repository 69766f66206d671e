import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sher_rl.functional.splicing import cell_keys, spliced_share, steps_back

PLACES = st.lists(st.integers(-500, 500), min_size=3, max_size=3)


@given(one=PLACES, other=PLACES)
def test_cells_have_numbers_of_their_own(one: list[int], other: list[int]) -> None:
    keys = cell_keys(torch.tensor([one, other]) * 0.01, 0.01)
    assert (keys[0] == keys[1]) == (one == other)


@given(dimensions=st.integers(1, 8), seed=st.integers(0, 9))
def test_so_have_cells_of_other_dimensions(dimensions: int, seed: int) -> None:
    draws = torch.randint(-100, 101, (400, dimensions), generator=torch.Generator().manual_seed(seed))
    places = draws.unique(dim=0)
    assert len(cell_keys(places.double(), 1.0).unique()) == len(places)


def test_a_cell_is_centred_on_a_multiple_of_its_size() -> None:
    keys = cell_keys(torch.tensor([[0.0151], [0.02], [0.0249], [0.0251], [0.0149]]), 0.01)
    assert (keys == keys[0]).tolist() == [True, True, True, False, False]


@pytest.mark.parametrize("steps", [(0, 0), (3, 5), (5, 3), (49, 0)])
def test_every_step_back_is_as_likely(steps: tuple[int, int]) -> None:
    shorter = min(steps)
    draw = (torch.arange(1000 * (shorter + 1)).double() + 0.5) / (1000 * (shorter + 1))
    back = steps_back(*(torch.full_like(draw, step).long() for step in steps), draw)
    assert back.bincount().tolist() == [1000] * (shorter + 1)


def test_no_draw_leads_before_the_beginning() -> None:
    step = torch.tensor([2])
    assert steps_back(step, step, torch.tensor([1.0 - 2**-53], dtype=torch.float64)).item() == 2
    assert steps_back(step, step, torch.tensor([1.0])).item() == 2


def test_what_is_spliced_falls_with_success() -> None:
    assert [spliced_share(0.8, rate) for rate in (0.0, 0.5, 1.0)] == [0.8, 0.4, 0.0]
