"""Numbers that must not be trained on."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor

from sher_rl.errors import UsageError
from sher_rl.files import replace_file


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
    first = {key: _first_fault(leaf) for key, leaf in leaves.items() if not leaf.isfinite().all()}
    if not first:
        return
    key = min(first, key=first.__getitem__)
    at = first[key]
    name = ".".join(key) if isinstance(key, tuple) else key
    found = f"{name} is {leaves[key][at].item()} at {place.format(*at)}; nothing was learned from it"
    raise FloatingPointError(f"{found}, and {_dump(folder / 'fault.pt', {'tensors': tensors.to_dict(), **more})}")


def _first_fault(leaf: Tensor) -> tuple[int, ...]:
    return tuple(leaf.isfinite().logical_not().nonzero()[0].tolist())


def _dump(path: Path, content: dict[str, Any]) -> str:
    """What became of the attempt to write a file."""
    packed = io.BytesIO()
    torch.save(content, packed)
    try:
        replace_file(path, packed.getvalue())
    except UsageError as error:
        return str(error)
    return f"{str(path)!r} has the tensors."
