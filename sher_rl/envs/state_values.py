"""The values that an environment's state is made of, as a checkpoint holds them and as environments do."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sher_rl.errors import UsageError


def to_tensors(value: Any) -> Any:
    """Arrays as tensors, which a checkpoint can hold; dictionaries and lists likewise, deep down.

    Raises:
        UsageError: a value is of a kind that no checkpoint holds.

    >>> to_tensors({"position": np.zeros(2), "marks": (1, "two", None)})
    {'position': tensor([0., 0.], dtype=torch.float64), 'marks': [1, 'two', None]}
    """
    if isinstance(value, dict):
        return {str(name): to_tensors(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_tensors(part) for part in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return torch.tensor(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise UsageError(
        f"get_state() of the environment gave a {type(value).__name__}; use NumPy arrays, numbers, text, lists and "
        "dictionaries."
    )


def to_arrays(value: Any) -> Any:
    """What :func:`to_tensors` was given."""
    if isinstance(value, dict):
        return {name: to_arrays(part) for name, part in value.items()}
    if isinstance(value, list):
        return [to_arrays(part) for part in value]
    return value.numpy(force=True).copy() if isinstance(value, Tensor) else value
