"""What a run's state is, and how TorchRL's checkpoints hold it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torchrl.checkpoint import Checkpoint, CheckpointRotation, GlobalRNGState, StateDictCheckpointAdapter

from sher_rl.errors import UsageError


class RunCheckpoint:
    """Save and restore named components under ``RUN/checkpoints``; the last two checkpoints are kept.

    The random states of Python, NumPy and torch are always among the components. Writing is atomic, and
    reading unpickles nothing.

    Args:
        folder: the run's folder.
        **components: objects with ``state_dict`` and ``load_state_dict``.
    """

    def __init__(self, folder: Path, **components: Any) -> None:
        self._checkpoint = Checkpoint()
        for name, component in (components | {"rng": GlobalRNGState()}).items():
            self._checkpoint.register(name, component, adapter=StateDictCheckpointAdapter())
        self._rotation = CheckpointRotation(folder / "checkpoints", keep_last=2)

    def save(self, frames: int) -> Path:
        """Write a checkpoint for this many frames and drop all but the last two."""
        return self._rotation.save(self._checkpoint, step=frames)

    def restore(self) -> None:
        """Load the newest checkpoint into the components.

        Raises:
            UsageError: the folder has none.
        """
        if self._rotation.latest() is None:
            raise UsageError(f"resume: {str(self._rotation.directory)!r} has no checkpoint; start a new run.")
        self._rotation.load_latest(self._checkpoint)
