"""Hindsight relabelling as a transform of a TorchRL replay buffer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from tensordict import NestedKey, TensorDictBase
from torch import Tensor
from torchrl.data.replay_buffers import Storage

from sher_rl.errors import UsageError, check_numbers
from sher_rl.replay.buffer_transform import BufferTransform
from sher_rl.replay.keys import Keys, check_single_steps
from sher_rl.replay.on_read import RelabelOnRead
from sher_rl.replay.on_write import RelabelOnWrite
from sher_rl.replay.rewrite import GoalFn, Rewriter
from sher_rl.replay.ring import check_flat
from sher_rl.replay.strategies import GoalChoice, Strategy, goal_bounds, write_bounds


class HindsightRelabel(BufferTransform):
    """Replace desired goals by achieved ones and recompute the rewards: hindsight experience replay for any buffer.

    ``mode="read"`` annotates transitions as they are written and relabels each batch as it is sampled, with fresh
    goals and at a cost that depends on the batch alone. ``mode="write"`` stores every transition ``k`` more times
    with goals drawn once (lines 12-15 of Algorithm 1); it needs no storage and works in any buffer of single
    transitions. Both draw the same distribution. Put the transform first in a :class:`~torchrl.envs.Compose`, so that
    concatenation and normalisation see the new goal.

    A goal is a ``("next", "achieved_goal")``, what an action led to, of

    * ``future``: the row's own step or a later one of its episode, uniformly;
    * ``next``: the row's own step;
    * ``final``: the last step of its episode;
    * ``episode``: any step of its episode that the buffer still holds;
    * ``random``: any row of the buffer (``mode="read"`` only);

    or, for ``actual``, the *desired* goal of a row of another episode (``mode="read"`` only).

    Data are written with time last, ``[*envs, time]`` or ``[time]``. An episode ends where done, terminated or
    truncated says so, where ``("collector", "traj_ids")`` changes, if present, before a row whose ``achieved_goal`` is
    not what the row before it achieved, if present, and at the end of what one write holds of an environment: an
    unfinished episode offers the goals it has so far. In ``mode="read"`` a write goes on with the episode at the end
    of the write just before it if the goals do and both have the same trajectory id or, without ids, are single
    transitions, as ``add`` writes them. A :class:`~torchrl.data.SliceSampler` gets slices with one goal each, drawn
    for the first row.

    Goals may move: a row that keeps its goal keeps the one after the step, too, if ``("next", "desired_goal")`` is
    written, and a goal drawn stands still. The reward is that of the goal after the step.

    A batch gets ``desired_goal``, ``("next", "desired_goal")`` and ``("next", "reward")`` in every row, with
    ``terminated_fn`` also ``terminated`` and ``done`` under ``next``, and ``("hindsight", "relabelled")``, bool, and
    ``("hindsight", "offset")``, int64, the rows from the transition to the goal drawn, both ``(B,)``. The annotation
    takes 12 bytes a transition.

    Args:
        reward_fn: from achieved and desired goals ``(B, *g)`` to rewards ``(B, 1)``; see
            :func:`~sher_rl.goal_reward`.
        storage: the buffer's own :class:`~torchrl.data.LazyTensorStorage` or
            :class:`~torchrl.data.LazyMemmapStorage`, one-dimensional; only ``mode="read"`` needs it.
        strategy: name of a strategy, or weights such as ``{"future": 0.4, "actual": 0.4, "real": 0.2}``, where
            ``real`` keeps the goal. Without ``real``, ``k`` or ``ratio`` says how many rows keep it.
        k: relabelled goals for each original one: a row is relabelled with probability ``k / (k + 1)``. For
            ``mode="write"`` a whole number.
        mode: ``read`` or ``write``.
        ratio: that probability itself, in place of ``k``.
        goal_noise: standard deviation of Gaussian noise on the goals drawn, in their own units. For tasks whose goals
            lie beside what can be achieved: they are met from nearby, and so are these.
        min_motion: a row keeps its own goal if the one drawn is less than this from the ``achieved_goal`` that the row
            began with: nothing had to move for it, and doing nothing would be rewarded. Euclidean, over all numbers of
            a goal, in their own units; 0 gives every goal drawn.
        terminated_fn: like ``reward_fn``, to bool ``(B, 1)``, for tasks that end at success: the new ``terminated``
            of relabelled rows. ``done`` becomes ``terminated | truncated``.
        generator: source of the draws, part of the state dict; the default is torch's own.
        achieved_goal_key: name in the data, without ``next``; likewise ``desired_goal_key``, ``reward_key``,
            ``terminated_key``, ``truncated_key`` and ``done_key``.

    Raises:
        UsageError: an argument is out of range; on write or read, a key is missing, a reward is not ``(B, 1)``, rows
            are of several steps, or the buffer does not keep single transitions in the order of time.

    Hindsight Experience Replay, arXiv:1707.01495, section 4.5; Algorithm 1 of arXiv:2002.02089. ``next`` is after
    arXiv:2504.11247, ``min_motion`` after arXiv:2505.03172.

    >>> from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
    >>> from sher_rl import goal_reward, make_env
    >>> storage = LazyTensorStorage(1000)
    >>> relabel = HindsightRelabel(goal_reward("FetchReach-v4"), storage, k=4)
    >>> buffer = TensorDictReplayBuffer(storage=storage, transform=relabel, batch_size=256)
    >>> _ = buffer.extend(make_env("FetchReach-v4", num_envs=2).rollout(50))
    >>> buffer.sample()["next", "reward"].shape
    torch.Size([256, 1])
    """

    def __init__(
        self,
        reward_fn: GoalFn,
        storage: Storage | None = None,
        *,
        strategy: Strategy | Mapping[str, float] = "future",
        k: float = 4,
        mode: Literal["read", "write"] = "read",
        ratio: float | None = None,
        goal_noise: float = 0.0,
        min_motion: float = 0.0,
        terminated_fn: GoalFn | None = None,
        generator: torch.Generator | None = None,
        achieved_goal_key: NestedKey = "achieved_goal",
        desired_goal_key: NestedKey = "desired_goal",
        reward_key: NestedKey = "reward",
        terminated_key: NestedKey = "terminated",
        truncated_key: NestedKey = "truncated",
        done_key: NestedKey = "done",
    ) -> None:
        super().__init__()
        keys = Keys.named(achieved_goal_key, desired_goal_key, reward_key, terminated_key, truncated_key, done_key)
        for name, value in {"goal_noise": goal_noise, "min_motion": min_motion}.items():
            check_numbers(**{name: value})
            if value < 0:
                raise UsageError(f"{name} is {value}; use a number of at least 0.")
        rewriter = Rewriter(keys, reward_fn, terminated_fn, min_motion)
        self.mode = mode
        self.min_motion = min_motion
        self.relabelling: RelabelOnRead | RelabelOnWrite
        if mode == "read":
            self.relabelling = RelabelOnRead(rewriter, storage, goal_bounds(strategy, k, ratio), generator, goal_noise)
        elif mode == "write":
            if storage is not None:
                check_flat(storage)
            self.relabelling = RelabelOnWrite(rewriter, write_bounds(strategy, k, ratio), int(k), generator, goal_noise)
        else:
            raise UsageError(f"mode is {mode!r}; use 'read' or 'write'.")
        self.storage = storage
        self.keys = keys
        self.generator = generator
        self.reward_fn = reward_fn  # here, too: where it is a module, its weights belong to this one
        self.terminated_fn = terminated_fn

    @property
    def on_read(self) -> RelabelOnRead:
        """What relabels a batch as it is read.

        Raises:
            UsageError: nothing does, in ``mode="write"``.
        """
        if isinstance(self.relabelling, RelabelOnRead):
            return self.relabelling
        raise UsageError("relabel has mode='write' and draws no goals when a batch is read; use mode='read'.")

    def _inv_call(self, tensordict: TensorDictBase) -> TensorDictBase:
        self.keys.check(tensordict, terminated=self.terminated_fn is not None, motion=self.min_motion > 0)
        check_single_steps(tensordict)
        return self.relabelling.write(tensordict)

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Relabel a batch of rows as the storage holds them, in place; after ``mode="write"`` do nothing."""
        check_single_steps(tensordict)  # a transform before this one in the chain writes after it
        return self.relabelling.read(tensordict)

    def choose(self, rows: TensorDictBase) -> GoalChoice:
        """Draw the slots that the goals of rows come from; for samplers that look at goals before a batch is read.

        Args:
            rows: ``(B,)`` as the storage holds them, at least ``index`` and ``hindsight``, with
                ``min_motion`` also the achieved goal.

        Raises:
            UsageError: goals are drawn on write.
        """
        return self.on_read.choose(rows)

    def goals(self, rows: TensorDictBase, choice: GoalChoice) -> Tensor:
        """Goals ``(B, *g)`` of ``rows`` after ``choice``, of :meth:`choose`."""
        return self.on_read.goals(rows, choice)

    def get_extra_state(self) -> dict[str, Any]:
        """State of the generator, the episode left open, and what keeps numbers of episodes apart."""
        generator = {} if self.generator is None else {"generator": self.generator.get_state()}
        return self.relabelling.state_dict() | generator

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_extra_state` gave."""
        self.relabelling.load_state_dict(state)
        if self.generator is not None and "generator" in state:
            self.generator.set_state(state["generator"])
