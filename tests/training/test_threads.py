from contextlib import suppress

import pytest
import torch

from sher_rl.training.threads import one_torch_thread, shared_out


def test_torch_has_its_threads_again_afterwards() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with suppress(ZeroDivisionError), one_torch_thread():
            assert torch.get_num_threads() == 1
            raise ZeroDivisionError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("processors", "collectors", "threads"),
    [
        (2, 1, (2, 2)),
        (64, 1, (64, 64)),
        (2, 2, (1, 1)),
        (4, 2, (1, 1)),
        (16, 4, (3, 3)),
        (64, 4, (3, 15)),
        (64, 16, (15, 3)),
        (64, 62, (1, 1)),
        (64, 100, (1, 1)),
    ],
)
def test_threads_that_are_busy_together_have_a_processor_each(
    processors: int, collectors: int, threads: tuple[int, int]
) -> None:
    assert shared_out(processors, collectors) == threads
