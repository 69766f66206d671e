"""Where the episodes of a write begin and end, noted beside each transition."""

from __future__ import annotations

from typing import NamedTuple

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor
from torchrl.data.replay_buffers import Storage

from sher_rl import _torchrl
from sher_rl.functional.goal_offsets import steps_from_start, steps_to_end
from sher_rl.replay.keys import REMAINING


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
    """Of the storage, after that write."""
    trajectory: int
    """The episode's number."""
    length: int
    """Its rows so far."""
    traj_id: int | None
    """Its trajectory id, if the data have them."""
    single: bool
    """Whether that write was a single transition."""

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
        if revision != self.revision or self.length + n > capacity:
            return False
        if ids is None:
            return n == 1 and self.single and self.traj_id is None
        return int(ids[0, 0]) == self.traj_id

    def join(self, hindsight: TensorDictBase, storage: Storage, cursor: int) -> None:
        """Annotate the rows that continue it, and add them to what its stored rows have remaining."""
        more = int(hindsight["remaining"][0]) + 1
        hindsight["trajectory"][:more] = self.trajectory
        slots = (cursor - 1 - torch.arange(self.length, device=hindsight.device)) % storage.max_size
        _torchrl.columns(storage).get(REMAINING)[slots] += more
