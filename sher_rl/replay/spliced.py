"""Goals that move, in hindsight: an episode gets the way of another episode's goal that it met."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torchrl.data import PrioritizedSampler, SliceSampler

from sher_rl import _torchrl
from sher_rl.errors import UsageError, check_numbers
from sher_rl.functional.splicing import cell_keys, spliced_share, steps_back
from sher_rl.replay.buffer_transform import BufferTransform
from sher_rl.replay.keys import RELABELLED, TRAJECTORY
from sher_rl.replay.meetings import Meetings, MeetingTable, Spots
from sher_rl.replay.relabel import HindsightRelabel
from sher_rl.replay.relay import by_turns
from sher_rl.replay.ring import Ring, ring_buffer, storage_ring
from sher_rl.replay.strategies import Place

RECENT = 100
"""Episodes whose success rate says how much is spliced."""


class SplicedGoals(BufferTransform):
    """Put transitions with spliced goals in the place of a share of each batch: DHER, for goals that move.

    Comes right after :class:`~sher_rl.HindsightRelabel` with ``mode="read"``, whose ``k`` says what the rest of a batch
    gets: 0, its own goals, as published. Where an episode i achieved at step j what an episode k desired at step l,
    both are walked back together: a transition of i at step j - m gets the goal of k at step l - m, and its next state
    the goal of k after that step. So i meets a goal that moved, in hindsight. Only goals of episodes that failed are
    taken: those in which no reward of one write is at least 0.

    Two goals meet where they lie in the same cell of space; of each cell the latest meeting is known. It is looked for
    when rows are written, and forgotten when one of its rows is overwritten. A batch costs the same whatever the buffer
    holds. Which transitions are spliced does not depend on what the sampler drew, so samplers that need their rows
    back, by priority or by slice, are refused; ``index`` of a batch is what the sampler drew.

    Args:
        relabel: the first transform of the buffer; its storage, rewards and generator are used.
        cell: edge of a cell, in the goals' units.
        share: of a batch that is spliced while no episode succeeds; times the rate of failure of the last 100 episodes.

    Raises:
        UsageError: ``relabel`` has ``mode="write"``, ``cell`` is not positive or ``share`` out of range; on write, the
            data lack the goal after each step; on read, the sampler does not fit, or rows come from no
            :class:`~sher_rl.HindsightRelabel`.

    Fang et al., DHER: Hindsight Experience Replay for Dynamic Goals, ICLR 2019, Algorithm 1.

    >>> from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
    >>> from torchrl.envs import Compose
    >>> from sher_rl import goal_reward, make_env
    >>> storage = LazyTensorStorage(1000)
    >>> relabel = HindsightRelabel(goal_reward("DyReach-v0"), storage, k=0)
    >>> buffer = TensorDictReplayBuffer(
    ...     storage=storage, transform=Compose(relabel, SplicedGoals(relabel)), batch_size=256
    ... )
    >>> _ = buffer.extend(make_env("DyReach-v0", num_envs=2).rollout(50))
    >>> buffer.sample()["next", "desired_goal"].shape
    torch.Size([256, 3])
    """

    def __init__(self, relabel: HindsightRelabel, *, cell: float = 0.01, share: float = 0.8) -> None:
        super().__init__()
        check_numbers(cell=cell, share=share)
        if not cell > 0:
            raise UsageError(f"cell is {cell}; use a number above 0.")
        if not 0 <= share <= 1:
            raise UsageError(f"share is {share}; use a number from 0 to 1.")
        self.rewriter = relabel.on_read.rewriter
        keys = self.rewriter.keys
        self._read = (keys.next_achieved_goal, keys.next_desired_goal, keys.next_reward, keys.next_done)
        self.storage = relabel.on_read.storage
        self.generator = relabel.generator
        self.cell = cell
        self.share = share
        self.table = MeetingTable()
        self.successes = torch.empty(0)
        self.storage.attach(self)  # which then calls mark_update

    @property
    def success_rate(self) -> float:
        """Of the last 100 episodes that ended; 0 before the first."""
        return self.successes.mean().item() if len(self.successes) else 0.0

    def _inv_call(self, tensordict: TensorDictBase) -> TensorDictBase:
        key = self.rewriter.keys.next_desired_goal
        if tensordict.get(key, None) is None:
            raise UsageError(f"The data written lack {key}, the goal after each step; write it, too.")
        return tensordict

    def mark_update(self, index: Tensor | int) -> None:
        """Take in the rows that were just written to some slots, ``(n,)``, in the order of time."""
        slot = torch.as_tensor(index).reshape(-1)
        rows = _torchrl.columns(self.storage).select(*self._read, TRAJECTORY)[slot]
        keys = self.rewriter.keys
        trajectory = rows.get(TRAJECTORY)
        _, episode = torch.unique_consecutive(trajectory, return_inverse=True)
        succeeded = any_of_each((rows.get(keys.next_reward) >= 0).flatten(1).any(-1), episode)
        self._count(succeeded[any_of_each(rows.get(keys.next_done).flatten(1).any(-1), episode)])
        achieved = Spots(cell_keys(rows.get(keys.next_achieved_goal), self.cell), slot, trajectory)
        desired = Spots(cell_keys(rows.get(keys.next_desired_goal), self.cell), slot, trajectory)
        self.table.add(achieved, desired.of(~succeeded[episode]), self._holds)

    def _count(self, succeeded: Tensor) -> None:
        self.successes = torch.cat((self.successes, succeeded.float().cpu()))[-RECENT:]

    def _holds(self, slot: Tensor, trajectory: Tensor) -> Tensor:
        """Whether slots hold rows of those episodes."""
        written = slot < _torchrl.rows_stored(self.storage)
        return written & (_torchrl.columns(self.storage).get(TRAJECTORY)[slot] == trajectory)

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Splice a share of a batch, and leave the one given as it is: ``buffer[:]`` of a full one is its storage."""
        if tensordict.ndim != 1:  # the buffer was indexed, and not sampled
            return self.forward(tensordict.reshape(-1)).reshape(tensordict.shape)
        if tensordict.get(RELABELLED, None) is None:
            raise UsageError(f"The rows lack {RELABELLED!r}; put SplicedGoals behind HindsightRelabel(mode='read').")
        share = spliced_share(self.share, self.success_rate)
        place = by_turns(len(tensordict), share).nonzero().squeeze(-1).to(tensordict.device)
        meetings = self.table.meetings
        if not len(meetings.cell) or not len(place):
            return tensordict
        _check_sampler(self.storage)
        spliced, intact = self._splice(meetings, len(place))
        batch = tensordict.copy()
        for key in spliced.keys(include_nested=True, leaves_only=True):
            kept = batch.get(key)
            _torchrl.set_column(batch, key, kept.index_copy(0, place[intact], spliced.get(key).to(kept)))
        return batch

    def _splice(self, meetings: Meetings, count: int) -> tuple[TensorDictBase, Tensor]:
        """Transitions ``(count,)`` with the goals of others, and whether none of their slots was overwritten since."""
        ring = storage_ring(self.storage)
        drawn = meetings.of(self._draw(count, ring).mul(len(meetings.cell)).long())
        one = Place(drawn.achieved_slot, drawn.achieved_slot, drawn.achieved_trajectory, ring)
        other = Place(drawn.desired_slot, drawn.desired_slot, drawn.desired_trajectory, ring)
        back = steps_back(one.before, other.before, self._draw(count, ring))
        slot = (one.slot - back) % ring.capacity
        goal_slot = (other.slot - back) % ring.capacity
        intact = self._holds(slot, one.trajectory) & self._holds(goal_slot, other.trajectory)
        keys = self.rewriter.keys
        goal, after = (ring.columns.get(key)[goal_slot] for key in (keys.desired_goal, keys.next_desired_goal))
        relabelled = torch.ones_like(intact)
        rows = self.rewriter.set_goals(ring.columns[slot], goal, after, relabelled, goal_slot - slot)
        return rows[intact], intact

    def _draw(self, count: int, ring: Ring) -> Tensor:
        """Uniform numbers in [0, 1), float64 ``(count,)``."""
        device = ring.columns.get(TRAJECTORY).device
        source = device if self.generator is None else self.generator.device
        return torch.rand(count, dtype=torch.float64, device=source, generator=self.generator).to(device)

    def get_extra_state(self) -> dict[str, Any]:
        """What has met, and the successes of the last episodes."""
        return self.table.state_dict() | {"successes": self.successes}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_extra_state` gave."""
        self.table.load_state_dict(state)
        self.successes = state["successes"]


def any_of_each(mask: Tensor, group: Tensor) -> Tensor:
    """Whether a mask is set anywhere in each group: ``(n,) -> (groups,)``, bool.

    >>> any_of_each(torch.tensor([True, False, False]), torch.tensor([0, 0, 1]))
    tensor([ True, False])
    """
    return torch.bincount(group, weights=mask.double()) > 0


def _check_sampler(storage: Any) -> None:
    sampler = ring_buffer(storage).sampler
    if isinstance(sampler, (PrioritizedSampler, SliceSampler)):
        raise UsageError(
            f"The buffer's sampler is {type(sampler).__name__}, and spliced transitions are not the rows that it drew; "
            "use RandomSampler."
        )
