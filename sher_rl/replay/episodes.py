"""What hindsight relabelling notes beside each transition as it is written."""

from __future__ import annotations

from typing import NamedTuple

import torch
from tensordict import NestedKey, TensorDict, TensorDictBase
from torch import Tensor
from torchrl.data.replay_buffers import Storage

from sher_rl import _torchrl
from sher_rl.errors import UsageError
from sher_rl.functional.goal_offsets import steps_from_start, steps_to_end

REMAINING = ("hindsight", "remaining")
"""Steps that the episode has after this one, int32."""
TRAJECTORY = ("hindsight", "trajectory")
"""A number of the episode's own, int64, the slot of its first row modulo the capacity; a write may cut an episode."""
_TRAJ_IDS = ("collector", "traj_ids")


class Keys(NamedTuple):
    """Keys of the data that relabelling reads or writes."""

    desired_goal: NestedKey
    next_desired_goal: NestedKey
    next_achieved_goal: NestedKey
    next_reward: NestedKey
    next_terminated: NestedKey
    next_truncated: NestedKey
    next_done: NestedKey

    @classmethod
    def named(cls, achieved_goal: NestedKey, desired_goal: NestedKey, *others: NestedKey) -> Keys:
        """Keys of names without ``next``; the others are reward, terminated, truncated and done."""

        def following(key: NestedKey) -> NestedKey:
            return ("next", *key) if isinstance(key, tuple) else ("next", key)

        return cls(desired_goal, *map(following, (desired_goal, achieved_goal, *others)))

    def check(self, tensordict: TensorDictBase, optional: set[NestedKey]) -> None:
        """Refuse data that lack one of the keys, unless it is ``optional``.

        Raises:
            UsageError: naming what is missing.
        """
        missing = [key for key in self if key not in optional and tensordict.get(key, None) is None]
        if missing:
            hint = " (a collector's compact_obs drops it)" if self.next_achieved_goal in missing else ""
            raise UsageError(f"The data written lack {missing}{hint}, which relabelling needs.")

    def ends(self, tensordict: TensorDictBase) -> tuple[Tensor, Tensor | None]:
        """Where the data say that an episode ends, and trajectory ids if there are any, both ``[envs, time]``."""
        shape = tensordict.shape or (1,)
        flags = (tensordict.get(key, None) for key in (self.next_terminated, self.next_truncated, self.next_done))
        end = torch.stack([flag.reshape(*shape, -1).any(-1) for flag in flags if flag is not None]).any(0)
        ids = tensordict.get(_TRAJ_IDS, None)
        end = end.reshape(-1, shape[-1])
        return end, None if ids is None else ids.reshape(end.shape)


def flat(tensordict: TensorDictBase) -> TensorDictBase:
    """Rows of a write ``[*envs, time]`` or of a single transition, without an annotation they had."""
    rows = tensordict.reshape(-1) if tensordict.ndim else tensordict.unsqueeze(0)
    return rows.exclude("hindsight")


def annotation(end: Tensor, ids: Tensor | None) -> TensorDict:
    """Steps to the end of each row's episode, and the row of its start, flat.

    Args:
        end: where an episode ends, bool ``[envs, time]``; it does at the end of time, too.
        ids: trajectory ids of the same shape; an episode ends where they change.

    >>> note = annotation(torch.tensor([[False, True, False], [False, False, False]]), None)
    >>> note["remaining"].tolist(), note["trajectory"].tolist()
    ([1, 0, 0, 2, 1, 0], [0, 0, 2, 3, 3, 3])
    """
    end = end.clone()
    end[:, -1] = True
    if ids is not None:
        end[:, :-1] |= ids[:, 1:] != ids[:, :-1]
    end = end.reshape(-1)
    start = torch.arange(len(end), device=end.device) - steps_from_start(end)
    hindsight = {"remaining": steps_to_end(end).int(), "trajectory": start}
    return TensorDict(hindsight, end.shape, device=end.device)


class OpenEpisode(NamedTuple):
    """The episode that the last write left unfinished at its end."""

    revision: int
    trajectory: int
    length: int
    traj_id: int | None
    single: bool

    @classmethod
    def of(
        cls, hindsight: TensorDictBase, end: Tensor, ids: Tensor | None, storage: Storage, cursor: int
    ) -> OpenEpisode | None:
        """What a write from slot ``cursor`` on leaves open, of its annotation, ends and ids; None if nothing."""
        if end[-1, -1]:
            return None
        trajectory = int(hindsight["trajectory"][-1])
        length = (cursor + len(hindsight) - 1 - trajectory) % storage.max_size + 1
        traj_id = None if ids is None else int(ids[-1, -1])
        return cls(_torchrl.revision(storage) + 1, trajectory, length, traj_id, end.numel() == 1)

    def goes_on(self, revision: int, ids: Tensor | None, n: int, capacity: int) -> bool:
        """Whether a write of ``n`` rows continues it: nothing was written since, and the data say so."""
        same = n == 1 and self.single and self.traj_id is None if ids is None else int(ids[0, 0]) == self.traj_id
        return same and revision == self.revision and self.length + n <= capacity

    def join(self, hindsight: TensorDictBase, storage: Storage, cursor: int) -> None:
        """Annotate the rows that continue it, and add them to what its stored rows have remaining."""
        more = int(hindsight["remaining"][0]) + 1
        hindsight["trajectory"][:more] = self.trajectory
        slots = (cursor - 1 - torch.arange(self.length, device=hindsight.device)) % storage.max_size
        _torchrl.columns(storage).get(REMAINING)[slots] += more
