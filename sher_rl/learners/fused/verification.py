"""What the written-out gradients are of: losses and batches are held to it, anything else is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torchrl.objectives import LossModule

from sher_rl.errors import UsageError
from sher_rl.learners.finite import losses, losses_are_finite
from sher_rl.learners.fused.flat_weights import FlatNetworks
from sher_rl.learners.fused.layers import Gradients, flat
from sher_rl.learners.fused.structure import INSTEAD

NOT_KNOWN = ("steps_to_next_obs", ("collector", "mask"), "shifted_valid")
"""Entries of a batch that change what a loss computes, and not what the gradients do."""


def check_settings(loss: LossModule, **known: tuple[Any, ...]) -> None:
    """Refuse a loss with renamed keys, or with another setting than those known of it.

    Raises:
        UsageError: naming the setting.
    """
    renamed = [key for key, name in vars(loss.default_keys()).items() if getattr(loss.tensor_keys, key) != name]
    if renamed:
        raise UsageError(f"loss has renamed keys {renamed}, which the written-out gradients do not know; {INSTEAD}.")
    common = {"reduction": ("mean",), "loss_mask_key": ("auto",), "use_prioritized_weights": ("auto", True)}
    for name, values in (common | known).items():
        given = getattr(loss, name)
        if given not in values:
            raise UsageError(f"loss has {name} {given!r:.80}, which the written-out gradients do not know; {INSTEAD}.")


def check_batch(batch: TensorDictBase) -> None:
    """Refuse a batch of rows of several steps, or of rows that are masked.

    Raises:
        UsageError: naming the entry.
    """
    for key in NOT_KNOWN:
        if batch.get(key, None) is not None:
            raise UsageError(f"The batch has {key!r}, which the written-out gradients do not know; {INSTEAD}.")


def agrees_with_autograd(
    loss: LossModule,
    terms: Sequence[LossModule],
    batch: TensorDictBase,
    networks: Mapping[str, FlatNetworks],
    gradients: Gradients,
) -> bool:
    """Whether losses and gradients of a batch are those of ``loss`` and autograd, from the same draws.

    Args:
        loss: whose ``forward`` is called.
        terms: likewise, whose losses are added.
        batch: left as it is.
        networks: the groups that :class:`Gradients` has, by its names.
        gradients: of the batch, in float32.

    Returns:
        True where they agree, False where a loss is NaN or Inf and nothing can be said.

    Raises:
        UsageError: naming the loss or the gradient, and both numbers.
    """
    if not losses_are_finite(gradients.statistics):
        return False
    given = batch.detach()
    given.set(("next", "done"), given.get(("next", "terminated")))  # asked for by TorchRL, and not used
    with torch.enable_grad():
        out = loss(given)
        for term in terms:
            out.update(term(given))
        total = torch.stack([value for key, value in out.items() if key.startswith("loss_")]).sum()
        expected = {
            group: flat(list(torch.autograd.grad(total, part.parameters, retain_graph=True, materialize_grads=True)))
            for group, part in networks.items()
        }
    for name, value in losses(out.detach().to_dict()).items():
        _compare(name, value, gradients.statistics[name])
    for group, vector in expected.items():
        _compare(f"{group} gradient (norm)", vector, getattr(gradients, group))
    return True


def _compare(what: str, expected: Tensor, found: Tensor) -> None:
    """Refuse numbers that are a thousandth of their norm apart; float32 accounts for a hundredth of that."""
    apart = (found - expected).norm()
    if not apart <= 1e-3 * expected.norm() + 1e-5:
        raise UsageError(
            f"loss computes {expected.norm():.6g} for its {what}, the written-out gradients {found.norm():.6g} and "
            f"{apart:.2g} apart; {INSTEAD}."
        )
