"""What a run writes collected steps to and draws batches from, in the process of the loop."""

from __future__ import annotations

from tensordict import TensorDictBase

from sher_rl.checkpoint.buffer import BufferState
from sher_rl.training.parts import Parts


class Replay:
    """The replay buffer of a run, with what is done to it beside sampling.

    Args:
        parts: of the run.
    """

    def __init__(self, parts: Parts) -> None:
        self.buffer = parts.buffer
        self.on_cycle = parts.on_cycle
        self.state = BufferState(parts.buffer)
        self._relabel = parts.relabel

    def write(self, steps: TensorDictBase) -> TensorDictBase:
        """Write collected steps, ``[env, time]``, and return their rows with hindsight goals, ``[env * time]``."""
        index = self.buffer.extend(steps)
        return self._relabel(self.buffer.storage.get(index))

    def bytes_of_a_row(self) -> int:
        """What a transition takes, once there are some."""
        return self.buffer.storage.get([0]).bytes()
