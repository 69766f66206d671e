"""The generator that a proposal draws from, as a part of its state."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def generator_state(generator: torch.Generator | None) -> dict[str, Tensor]:
    """The state to save; nothing for torch's own generator, which checkpoints have anyway.

    >>> generator_state(None)
    {}
    """
    return {} if generator is None else {"generator": generator.get_state()}


def restore_generator(generator: torch.Generator | None, state: Mapping[str, Tensor]) -> None:
    """Let a generator go on from :func:`generator_state`."""
    if generator is not None:
        generator.set_state(state["generator"])
