"""Numbers that must not be trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tensordict import TensorDictBase


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
    torch.save({"tensors": tensors.to_dict(), **more}, dump)
    found = f"{name} is {leaves[key][at].item()} at {place.format(*at)}"
    raise FloatingPointError(f"{found}; nothing was learned from it, and {str(dump)!r} has the tensors.")
