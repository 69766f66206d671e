"""Numbers that must not be trained on."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor

from sher_rl.errors import UsageError
from sher_rl.files import replace_file


def losses(statistics: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The losses and norms of gradients among what a gradient step gives."""
    return {name: value for name, value in statistics.items() if name.startswith(("loss", "grad"))}


def losses_are_finite(statistics: Mapping[str, Tensor]) -> bool:
    """Whether none of :func:`losses` is NaN or Inf.

    >>> losses_are_finite({"loss_value": torch.tensor(1.0), "q_mean": torch.tensor(float("inf"))})
    True
    """
    return bool(torch.stack(list(losses(statistics).values())).isfinite().all())


def check_finite(tensors: TensorDictBase, folder: Path, place: str, **more: Any) -> None:
    """Stop if a floating-point tensor holds NaN or Inf, and leave all of them in ``folder/fault.pt``.

    Args:
        tensors: to look through.
        folder: of the run.
        place: where in the run an element is, with ``{0}``, ``{1}`` for its indices, which count from 0.
        **more: state dicts to leave in the file, too; ``torch.load(path, weights_only=True)`` reads it.

    Raises:
        FloatingPointError: naming the tensor and the place of its first such element.

    >>> from tensordict import TensorDict
    >>> check_finite(TensorDict({"reward": torch.zeros(3)}), Path("run"), "row {0}")
    """
    leaves = {key: leaf for key, leaf in tensors.items(True, True) if leaf.is_floating_point()}
    bad = {key: leaf.isfinite().logical_not() for key, leaf in leaves.items() if not leaf.isfinite().all()}
    if not bad:
        return
    first = {key: tuple(where.nonzero()[0].tolist()) for key, where in bad.items()}
    key = min(first, key=first.__getitem__)
    at = first[key]
    dump, name = folder / "fault.pt", ".".join(key) if isinstance(key, tuple) else key
    found = f"{name} is {leaves[key][at].item()} at {place.format(*at)}; nothing was learned from it"
    content = io.BytesIO()
    torch.save({"tensors": tensors.to_dict(), **more}, content)
    try:
        replace_file(dump, content.getvalue())
    except UsageError as error:
        raise FloatingPointError(f"{found}, and {error}") from error
    raise FloatingPointError(f"{found}, and {str(dump)!r} has the tensors.")
