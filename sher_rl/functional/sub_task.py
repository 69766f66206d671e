"""An intermediate goal: what has to be reached before the task itself can move on."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class SubTask(NamedTuple):
    """Bring a part of the observation to where the object is: in the Fetch tasks, the gripper to the box.

    Self-guided exploration of Relay HER, Luo et al., Neurocomputing 2023, arXiv:2208.00843.

    >>> reach = SubTask(part=slice(0, 3), target=slice(0, 3), distance=0.03)
    >>> reach.met(torch.tensor([[0.0, 0.0, 0.02, 9.0]]), torch.zeros(1, 3))
    tensor([[True]])
    """

    part: slice
    """Of the observation: what has to come to the object, such as the gripper's position."""
    target: slice
    """Of the achieved goal: where it has to come to, as many numbers."""
    distance: float
    """Euclidean distance below which it is there, in the observation's units."""

    def achieved(self, observation: Tensor) -> Tensor:
        """Where the part is, ``(*batch, n)``, in observations ``(*batch, observation)``."""
        return observation[..., self.part]

    def desired(self, achieved_goal: Tensor) -> Tensor:
        """Where it has to come to, ``(*batch, n)``, by achieved goals ``(*batch, goal)``."""
        return achieved_goal[..., self.target]

    def met(self, observation: Tensor, achieved_goal: Tensor) -> Tensor:
        """Whether it is there, bool ``(*batch, 1)``."""
        return self.near(self.achieved(observation), self.desired(achieved_goal))

    def near(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Whether positions ``(*batch, n)`` are closer than the distance, bool ``(*batch, 1)``."""
        return torch.linalg.vector_norm(achieved - desired, dim=-1, keepdim=True) < self.distance

    def reward(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Sparse reward of the sub-task, 0 where it is met and -1 elsewhere, ``(*batch, 1)``."""
        return self.near(achieved, desired).float() - 1
