import pytest
import torch

from sher_rl.learners.finite import losses, losses_are_finite

STATISTICS = {"loss_value": 1.0, "loss_actor": -2.0, "q_mean": 3.0, "grad_norm": 4.0}


def tensors(**changed: float) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value) for name, value in (STATISTICS | changed).items()}


def test_losses_and_norms_are_told_from_other_statistics() -> None:
    assert set(losses(tensors())) == {"loss_value", "loss_actor", "grad_norm"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_one_loss_or_norm_that_is_no_number_is_enough(value: float) -> None:
    assert losses_are_finite(tensors())
    assert losses_are_finite(tensors(q_mean=value))
    assert not losses_are_finite(tensors(loss_actor=value))
    assert not losses_are_finite(tensors(grad_norm=value))
