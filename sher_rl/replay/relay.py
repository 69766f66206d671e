"""Batches that hold two tasks: some rows keep theirs, the others get an intermediate goal."""

from __future__ import annotations

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torchrl.data.replay_buffers import Storage

from sher_rl.errors import UsageError, check_numbers
from sher_rl.functional.sub_task import SubTask
from sher_rl.replay.buffer_transform import BufferTransform
from sher_rl.replay.keys import OFFSET, RELABELLED
from sher_rl.replay.ring import check_storage, storage_ring


class RelayGoals(BufferTransform):
    """Give a share of a relabelled batch to a sub-task, whose goals hindsight finds in the same place.

    Comes right after :class:`~sher_rl.HindsightRelabel` with ``mode="read"``. In rows of the sub-task the goal is where
    the part was when the relabelled goal was achieved, or, where the row kept its goal, where the object is; the reward
    is the sub-task's. Each ``desired_goal`` becomes as long as both goals, ``(B, goal + n)``: the task's, then the
    sub-task's, with NaN in the one that the row is not of. :class:`~sher_rl.RelayNorm` makes 0 of NaN.

    Rows are given by turns, since those of a batch are in no order: nothing is drawn.

    Args:
        sub_task: the intermediate goal.
        storage: the buffer's own.
        share: of the rows, from 0 to 1.

    Raises:
        UsageError: ``share`` is out of range, or ``storage`` is no ring of single transitions; on read, the rows come
            from no :class:`~sher_rl.HindsightRelabel`.

    Both tasks in each batch: Relay HER, arXiv:2208.00843.

    >>> from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
    >>> from torchrl.envs import Compose
    >>> from sher_rl import HindsightRelabel, goal_reward, make_env
    >>> storage = LazyTensorStorage(1000)
    >>> relabel = HindsightRelabel(goal_reward("FetchPush-v4"), storage)
    >>> relay = RelayGoals(SubTask(part=slice(0, 3), target=slice(0, 3), distance=0.03), storage)
    >>> buffer = TensorDictReplayBuffer(storage=storage, transform=Compose(relabel, relay), batch_size=256)
    >>> _ = buffer.extend(make_env("FetchPush-v4", num_envs=2).rollout(50))
    >>> buffer.sample()["desired_goal"].shape
    torch.Size([256, 6])
    """

    def __init__(self, sub_task: SubTask, storage: Storage, *, share: float = 0.5) -> None:
        super().__init__()
        check_numbers(share=share)
        if not 0 <= share <= 1:
            raise UsageError(f"share is {share}; use a number from 0 to 1.")
        self.sub_task = sub_task
        self.storage = check_storage(storage)
        self.share = share

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Change a batch, and leave the one given as it is: ``buffer[:]`` of a full buffer is its storage."""
        if tensordict.get(RELABELLED, None) is None:
            raise UsageError(f"The rows lack {RELABELLED!r}; put RelayGoals behind HindsightRelabel(mode='read').")
        mine = by_turns(len(tensordict), self.share).to(tensordict.device).unsqueeze(-1)
        goal = self._goals(tensordict)
        batch = tensordict.copy()
        following = batch.get("next")
        reward = self.sub_task.reward(self.sub_task.achieved(following.get("observation")), goal)
        batch.set("desired_goal", masked_goals(batch.get("desired_goal"), goal, mine))
        following.set("desired_goal", masked_goals(following.get("desired_goal"), goal, mine))
        stored = following.get("reward")
        following.set("reward", torch.where(mine, reward.to(stored), stored))
        return batch

    def _goals(self, rows: TensorDictBase) -> Tensor:
        """Goals of the sub-task, ``(B, n)``."""
        ring = storage_ring(self.storage)
        slot = (rows.get("index") + rows.get(OFFSET)) % ring.capacity
        later = ring.columns.get(("next", "observation")).index_select(0, slot)
        own = self.sub_task.desired(rows.get("achieved_goal"))
        drawn = rows.get(RELABELLED) | (rows.get(OFFSET) != 0)  # what stays for the task may move for the sub-task
        return torch.where(drawn.unsqueeze(-1), self.sub_task.achieved(later).to(own), own)


def by_turns(count: int, share: float) -> Tensor:
    """Bool ``(count,)``, True in a share of the places, as evenly spread as can be.

    >>> by_turns(6, 0.5)
    tensor([False,  True, False,  True, False,  True])
    """
    turns = (torch.arange(count + 1, dtype=torch.float64) * share).floor()
    return turns[1:] > turns[:-1]


def masked_goals(task: Tensor, sub_task: Tensor, mine: Tensor) -> Tensor:
    """Both goals side by side, NaN in the one that a row is not of: the task's where ``mine``, ``(B, 1)``.

    >>> masked_goals(torch.ones(2, 1), torch.zeros(2, 1), torch.tensor([[False], [True]]))
    tensor([[1., nan],
            [nan, 0.]])
    """
    nothing = torch.tensor(torch.nan, dtype=task.dtype, device=task.device)
    return torch.cat((torch.where(mine, nothing, task), torch.where(mine, sub_task.to(task), nothing)), -1)
