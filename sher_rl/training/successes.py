"""What counts as the success of an episode: its last step or, where goals move, any."""

from __future__ import annotations

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torchrl.envs import EnvBase


def goal_moves(env: EnvBase) -> bool:
    """Whether goals move during an episode, as the environment's attribute ``goal_moves`` says; without it, no."""
    return bool(getattr(env, "goal_moves", False))


def met_so_far(success: Tensor, done: Tensor) -> Tensor:
    """Whether this step of an episode or one before it was a success, in the dtype of ``success``.

    Args:
        success: 0 or 1, ``[n, time, 1]``.
        done: where episodes end, bool, of that shape; each row of ``n`` begins with another episode.

    >>> success = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0]).view(1, 5, 1)
    >>> met_so_far(success, torch.tensor([False, False, True, False, False]).view(1, 5, 1)).flatten()
    tensor([0., 1., 1., 0., 0.])
    """
    count = success.cumsum(1)
    at_last_end = (count * done).cummax(1).values
    before_episode = torch.cat((torch.zeros_like(count[:, :1]), at_last_end[:, :-1]), 1)
    return (count > before_episode).to(success)


def episode_success(data: TensorDictBase, *, ever: bool = False) -> Tensor:
    """Success of each episode that ends in ``data``, ``(episodes,)``, 0 or 1.

    Args:
        data: ``[n, time]``.
        ever: count an episode if any of its steps in ``data`` was a success, not only its last.

    >>> from tensordict import TensorDict
    >>> success = torch.tensor([1.0, 0.0]).view(1, 2, 1)
    >>> data = TensorDict({"next": {"is_success": success, "done": torch.tensor([[[False], [True]]])}}, [1, 2])
    >>> episode_success(data), episode_success(data, ever=True)
    (tensor([0.]), tensor([1.]))
    """
    success = data.get(("next", "is_success"))
    done = data.get(("next", "done"))
    return (met_so_far(success, done) if ever else success)[done]
