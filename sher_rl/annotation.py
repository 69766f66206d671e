"""What hindsight relabelling notes beside each transition as it is written."""

from __future__ import annotations

from typing import NamedTuple

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor
from torchrl.data.replay_buffers import Storage

from sher_rl.functional import steps_from_start, steps_to_end

REMAINING = ("hindsight", "remaining")
"""Steps that the episode has after this one, int32."""
ELAPSED = ("hindsight", "elapsed")
"""Steps that it had before, int32."""
TRAJECTORY = ("hindsight", "trajectory")
"""A number of the episode's own, int64; it changes where a write cuts the episode."""


def annotation(end: Tensor, ids: Tensor | None) -> TensorDict:
    """Steps to the end and from the start of each row's episode, and the row of its start, all flat.

    Args:
        end: where an episode ends, bool ``[envs, time]``; it does at the end of time, too.
        ids: trajectory ids of the same shape; an episode ends where they change.

    >>> note = annotation(torch.tensor([[False, True, False], [False, False, False]]), None)
    >>> note["remaining"].tolist(), note["elapsed"].tolist(), note["trajectory"].tolist()
    ([1, 0, 0, 2, 1, 0], [0, 1, 0, 0, 1, 2], [0, 0, 2, 3, 3, 3])
    """
    end = end.clone()
    end[:, -1] = True
    if ids is not None:
        end[:, :-1] |= ids[:, 1:] != ids[:, :-1]
    end = end.reshape(-1)
    elapsed = steps_from_start(end)
    start = torch.arange(len(end), device=end.device) - elapsed
    hindsight = {"remaining": steps_to_end(end).int(), "elapsed": elapsed.int(), "trajectory": start}
    return TensorDict(hindsight, end.shape, device=end.device)


class OpenEpisode(NamedTuple):
    """The episode that the last write left unfinished at its end."""

    revision: int
    trajectory: int
    length: int
    traj_id: int | None
    single: bool

    @classmethod
    def of(cls, hindsight: TensorDictBase, end: Tensor, ids: Tensor | None, revision: int) -> OpenEpisode | None:
        """What a write leaves open, of its annotation, ends and trajectory ids ``[envs, time]``; None if nothing."""
        if end[-1, -1]:
            return None
        trajectory, length = int(hindsight["trajectory"][-1]), int(hindsight["elapsed"][-1]) + 1
        return cls(revision, trajectory, length, None if ids is None else int(ids[-1, -1]), end.numel() == 1)

    def goes_on(self, revision: int, ids: Tensor | None, n: int, capacity: int) -> bool:
        """Whether a write of ``n`` rows continues it: nothing was written since, and the data say so."""
        same = n == 1 and self.single and self.traj_id is None if ids is None else int(ids[0, 0]) == self.traj_id
        return same and revision == self.revision and self.length + n <= capacity

    def join(self, hindsight: TensorDictBase, storage: Storage, cursor: int) -> None:
        """Annotate the rows that continue it, and add them to what its stored rows have remaining."""
        more = int(hindsight["remaining"][0]) + 1
        hindsight["elapsed"][:more] += self.length
        hindsight["trajectory"][:more] = self.trajectory
        slots = (cursor - 1 - torch.arange(self.length, device=hindsight.device)) % storage.max_size
        storage._storage.get(REMAINING)[slots] += more
