"""What the transforms of replay buffers have in common: an environment refuses them."""

from __future__ import annotations

from tensordict import TensorDictBase
from torchrl.envs import Transform

from sher_rl.errors import UsageError


class BufferTransform(Transform):
    """A transform of what is read from a replay buffer, or written to it.

    Raises:
        UsageError: an environment that has it is reset. TorchRL alone would leave what that gives as it is.
    """

    def _reset(self, tensordict: TensorDictBase, tensordict_reset: TensorDictBase) -> TensorDictBase:
        raise UsageError(f"{type(self).__name__} belongs in a replay buffer, not in an environment; append it there.")
