"""Rewards of a batch that a second agent takes or gives, by where both have been."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from tensordict import NestedKey, TensorDictBase
from torch import Tensor
from torchrl.data.replay_buffers import Storage

from sher_rl import _torchrl
from sher_rl.errors import UsageError, check_counts, check_positive
from sher_rl.replay.buffer_transform import BufferTransform
from sher_rl.replay.keys import RELABELLED
from sher_rl.replay.ring import check_storage

Exchange = Callable[[Tensor, Tensor, float], Tensor]
"""From own states ``(n, d)``, the rival's ``(m, d)`` and a distance to what is added to own rewards, ``(n, 1)``."""


class RivalRewards(BufferTransform):
    """Add to the rewards of a relabelled batch what meetings with a rival cost or bring.

    Comes behind :class:`~sher_rl.HindsightRelabel` with ``mode="read"``, so that goals are relabelled first. For each
    batch as many rows of the rival's storage are drawn, uniformly; while that holds none, rewards stay. The two agents
    of Competitive Experience Replay have one such transform each: the first, which is the one that counts, with
    :func:`~sher_rl.meeting_penalty`, its rival with :func:`~sher_rl.meeting_bonus`.

    Args:
        exchange: from own and the rival's states to what is added.
        rival: the storage of the rival's buffer.
        distance: between states that meet, in their own units.
        batch_size: rows that are compared with as many of the rival's, a gradient step's; a longer batch, of several
            steps, is cut into such parts.
        key: what is compared, in both storages.
        generator: source of the draws, part of the state dict; the default is torch's own.

    Raises:
        UsageError: ``distance`` or ``batch_size`` is not above 0, or ``rival`` is no storage of single transitions;
            on read, the rows come from no :class:`~sher_rl.HindsightRelabel`.

    Liu et al., ICLR 2019, arXiv:1902.00528.

    >>> from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
    >>> from torchrl.envs import Compose
    >>> from sher_rl import HindsightRelabel, goal_reward, make_env, meeting_penalty
    >>> mine, rivals = LazyTensorStorage(1000), LazyTensorStorage(1000)
    >>> relabel = HindsightRelabel(goal_reward("FetchPush-v4"), mine)
    >>> exchange = RivalRewards(meeting_penalty, rivals, distance=0.01, batch_size=256)
    >>> buffer = TensorDictReplayBuffer(storage=mine, transform=Compose(relabel, exchange), batch_size=256)
    >>> for each in (buffer, TensorDictReplayBuffer(storage=rivals)):
    ...     _ = each.extend(make_env("FetchPush-v4", num_envs=2).rollout(50))
    >>> buffer.sample()["next", "reward"].min().item()
    -2.0
    """

    def __init__(
        self,
        exchange: Exchange,
        rival: Storage,
        *,
        distance: float,
        batch_size: int,
        key: NestedKey = "achieved_goal",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_positive(distance=distance)
        check_counts(batch_size=batch_size)
        self.exchange = exchange
        self.rival = check_storage(rival)
        self.distance = distance
        self.batch_length = batch_size
        self.key = key
        self.generator = generator

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Change the rewards of a batch, and leave the one given: ``buffer[:]`` of a full buffer is its storage."""
        if tensordict.get(RELABELLED, None) is None:
            raise UsageError(f"The rows lack {RELABELLED!r}; put RivalRewards behind HindsightRelabel(mode='read').")
        alive = _torchrl.rows_stored(self.rival)
        if not alive:
            return tensordict
        own = tensordict.get(self.key)
        slots = torch.randint(alive, (len(own),), generator=self.generator)
        theirs = _torchrl.columns(self.rival).get(self.key)[slots.to(own.device)]
        parts = zip(own.split(self.batch_length), theirs.split(self.batch_length), strict=True)
        more = torch.cat([self.exchange(mine, rivals, self.distance) for mine, rivals in parts])
        reward = tensordict.get(("next", "reward"))
        return tensordict.copy().set(("next", "reward"), reward + more.to(reward))

    def get_extra_state(self) -> dict[str, Any]:
        """State of the generator."""
        return {} if self.generator is None else {"generator": self.generator.get_state()}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_extra_state` gave."""
        if self.generator is not None and "generator" in state:
            self.generator.set_state(state["generator"])
