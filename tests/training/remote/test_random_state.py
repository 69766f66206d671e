import torch

from sher_rl.training.remote.random_state import drawn, taken_back


def test_a_state_that_is_lent_and_taken_back_is_one_sequence() -> None:
    torch.manual_seed(3)
    expected = torch.rand(6)
    torch.manual_seed(3)
    here = [torch.rand(2)]
    lent = torch.get_rng_state()
    torch.manual_seed(8)  # another process has another state
    there = drawn(lent, lambda: torch.rand(2))
    torch.manual_seed(9)
    here.append(taken_back(there))
    here.append(torch.rand(2))
    assert torch.equal(torch.cat(here), expected)


def test_without_a_state_it_is_the_process_s_own() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    assert torch.equal(drawn(None, lambda: torch.rand(2)).value, expected)
