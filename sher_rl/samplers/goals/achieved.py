"""Goals that a replay buffer's transitions achieved."""

from __future__ import annotations

import torch
from torch import Tensor
from torchrl.data import TensorStorage

from sher_rl import _torchrl


def draw_achieved(storage: TensorStorage, count: int, generator: torch.Generator | None) -> Tensor:
    """Achieved goals ``(count, g)`` of rows that a storage holds, each row drawn alike, with replacement."""
    rows = torch.randint(_torchrl.rows_stored(storage), (count,), generator=generator)
    return _torchrl.columns(storage).get(("next", "achieved_goal"))[rows].cpu()
