"""What the transforms of environments have in common: buffers and modules refuse them."""

from __future__ import annotations

from tensordict import TensorDictBase
from torchrl.envs import Transform

from sher_rl.errors import UsageError


class EnvTransform(Transform):
    """A transform of an environment's resets and steps.

    Raises:
        UsageError: it is called with a batch, as a replay buffer does. TorchRL alone would leave that as it is.
    """

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Refuse a batch, which is of no environment."""
        raise UsageError(f"{type(self).__name__} belongs in an environment, not in a replay buffer; append it there.")
