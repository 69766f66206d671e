"""The numbers of a run against a rival."""

from __future__ import annotations

import dataclasses
from typing import Literal

from sher_rl.errors import UsageError
from sher_rl.training.config import Config

RivalStarts = Literal["apart", "visited"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CerConfig(Config):
    """A run of SHER against a rival: Competitive Experience Replay (arXiv:1902.00528).

    Raises:
        UsageError: a value is of another type than the field, or out of range.
    """

    meeting_distance: float
    """Between achieved goals of the two agents that meet (δ), in the goals' units."""
    rival_starts: RivalStarts
    """Where the rival's episodes begin: as the task has it (ind-CER), or where the first agent was (int-CER)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.meeting_distance > 0:
            raise UsageError(f"meeting_distance is {self.meeting_distance}; use a number above 0.")
