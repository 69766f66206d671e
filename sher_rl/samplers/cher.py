"""Curriculum-guided hindsight experience replay (CHER) as a sampler."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torchrl.data.replay_buffers import Sampler, Storage

from sher_rl import _torchrl
from sher_rl.errors import UsageError, check_counts, check_numbers
from sher_rl.functional.curriculum import MAX_WEIGHT, proximity, proximity_weight, select_goals, similarity_graph
from sher_rl.replay.keys import REMAINING
from sher_rl.replay.relabel import HindsightRelabel
from sher_rl.samplers.goal_pool import GoalPart, check_part, check_pool, draw_pools, part_of, pool_rows
from sher_rl.untrusted import load_tensors


class CHERSampler(Sampler):
    r"""Keep, of a pool of relabelled transitions, those whose goals are diverse and, more and more, close.

    For a batch of n it draws ``pool_ratio * n`` rows uniformly with replacement, draws their goals as ``relabel``
    does, and keeps n of them in n rounds. A round takes the candidate that adds most to

    .. math:: \sum_i \max_{k \in A} s_{ik} - \lambda \sum_{k \in A} \|g_k - g^{ag}_k\|

    where :math:`s_{ik} = \exp(-d_{ik}^2 / \bar d^2)` if goal k is among the nearest of goal i in the pool, at
    distance d, and 0 otherwise, and :math:`g^{ag}` is the goal achieved before the action. The batch read afterwards
    gets the goals that were compared. :math:`\lambda` is ``lambda_init * (1 + lambda_growth) ** step``, at most 1e6;
    a batch is a step, and after ``lambda_period`` of them it starts again.

    The buffer must store ``achieved_goal`` of each transition beside that under ``next``.

    Args:
        relabel: first transform of the buffer that is sampled, in ``mode="read"``; it names the keys.
        pool_ratio: candidates for each row of the batch, at least 2.
        batch_size: rows that are one batch. A request for m times as many is m batches in order, each of a pool of
            its own, as requests one by one would give; by default a request is a batch.
        num_neighbors: neighbours of each goal. With 1 all gains are known at once; with more, each round computes
            them anew.
        selection: ``stochastic`` compares 3 random candidates a round, ``greedy`` all that remain.
        lambda_init: weight of proximity in the first batch, from 0 to 1e6.
        lambda_growth: relative growth of the weight from batch to batch.
        lambda_period: batches after which the weight starts again, by default as many as the original draws an
            epoch; None: it never does.
        goal: what distances are taken of: the ``full`` goal, or the ``position`` (0:3) or ``rotation`` (3:7) of a
            goal of 7 numbers.
        generator: source of the draws of rows and candidates, part of the state dict; the default is the buffer's,
            or torch's own.

    Raises:
        UsageError: an argument is out of range, or ``relabel`` draws no goals at reading time; on sampling, the
            buffer is not that of ``relabel``, lacks a key, or is asked for a part of a batch.

    Curriculum-guided Hindsight Experience Replay, Fang et al., NeurIPS 2019; github.com/mengf1/CHER.

    >>> from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
    >>> from sher_rl import goal_reward, make_env
    >>> storage = LazyTensorStorage(1000)
    >>> relabel = HindsightRelabel(goal_reward("FetchReach-v4"), storage, k=4)
    >>> sampler = CHERSampler(relabel)
    >>> buffer = TensorDictReplayBuffer(storage=storage, sampler=sampler, transform=relabel, batch_size=64)
    >>> _ = buffer.extend(make_env("FetchReach-v4", num_envs=2).rollout(50))
    >>> buffer.sample()["desired_goal"].shape
    torch.Size([64, 3])
    """

    def __init__(
        self,
        relabel: HindsightRelabel,
        *,
        pool_ratio: int = 2,
        batch_size: int | None = None,
        num_neighbors: int = 1,
        selection: Literal["stochastic", "greedy"] = "stochastic",
        lambda_init: float = 1.0,
        lambda_growth: float = 1e-4,
        lambda_period: int | None = 2050,
        goal: GoalPart = "full",
        generator: torch.Generator | None = None,
    ) -> None:
        check_counts(2, pool_ratio=pool_ratio)
        optional = {"batch_size": batch_size, "lambda_period": lambda_period}
        check_counts(num_neighbors=num_neighbors, **{name: v for name, v in optional.items() if v is not None})
        if selection not in ("stochastic", "greedy"):
            raise UsageError(f"selection is {selection!r:.80}; use 'stochastic' or 'greedy'.")
        _check_weight(lambda_init, lambda_growth)
        check_part(goal)
        self._relabelling = relabel.on_read
        self.relabel = relabel
        self.pool_ratio = pool_ratio
        self.batch_size = batch_size
        self.num_neighbors = num_neighbors
        self.selection = selection
        self.lambda_init = lambda_init
        self.lambda_growth = lambda_growth
        self.lambda_period = lambda_period
        self.goal = goal
        self.generator = generator
        self._step = 0

    def sample(self, storage: Storage, batch_size: int) -> tuple[Tensor, dict[str, Any]]:
        """Return the index ``(batch_size,)`` of the rows kept, and leave their goals for the transform."""
        self._check_request(batch_size)
        check_pool(self.relabel, storage)
        size = self.batch_size or batch_size
        pools = batch_size // size
        pool = self.pool_ratio * size
        index, places = self._draw(storage, pools, pool, size)
        rows = pool_rows(storage, index, self.relabel.keys)
        choice = self._relabelling.choose(rows)
        goal = part_of(self._relabelling.goals(rows, choice), self.goal).unflatten(0, (pools, pool))
        achieved = part_of(rows.get(self.relabel.keys.achieved_goal), self.goal).unflatten(0, (pools, pool))
        bonus = proximity(goal, achieved) * self._weights(pools).to(goal.device).unsqueeze(-1)
        kept = select_goals(similarity_graph(goal, self.num_neighbors), bonus, size, places)
        kept = (kept + pool * torch.arange(pools, device=kept.device).unsqueeze(-1)).flatten()
        self._relabelling.next_goals.put(index[kept], choice.of_rows(kept))
        self._step += pools
        return index[kept], {}

    def _draw(self, storage: Storage, pools: int, pool: int, size: int) -> tuple[Tensor, Tensor | None]:
        rounds = size if self.selection == "stochastic" else 0
        generator = _torchrl.generator_of(self) if self.generator is None else self.generator
        device = _torchrl.columns(storage).get(REMAINING).device
        return draw_pools(len(storage), pools, pool, rounds, generator, device)

    def _weights(self, pools: int) -> Tensor:
        steps: Sequence[int] = range(self._step, self._step + pools)
        if self.lambda_period is not None:
            steps = [step % self.lambda_period for step in steps]
        return proximity_weight(torch.tensor(steps), self.lambda_init, self.lambda_growth)

    def _check_request(self, batch_size: int) -> None:
        if self.batch_size is not None and batch_size % self.batch_size:
            raise UsageError(f"{batch_size} rows were asked for; batch_size is {self.batch_size}, ask for a multiple.")
        pool = self.pool_ratio * (self.batch_size or batch_size)
        if self.num_neighbors >= pool:
            raise UsageError(f"num_neighbors is {self.num_neighbors}, in a pool of {pool} goals; use less.")

    def state_dict(self) -> dict[str, Any]:
        """Batches drawn so far and, if the sampler has one, the generator's state."""
        state: dict[str, Any] = {"step": self._step}
        return state if self.generator is None else state | {"generator": self.generator.get_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        self._step = int(state_dict["step"])
        if self.generator is not None:
            self.generator.set_state(state_dict["generator"])

    def dumps(self, path: str | Path) -> None:
        """Save the state dict in the folder ``path``."""
        Path(path).mkdir(exist_ok=True)
        torch.save(self.state_dict(), Path(path) / "cher.pt")

    def loads(self, path: str | Path) -> None:
        """Load what :meth:`dumps` saved."""
        self.load_state_dict(load_tensors((Path(path) / "cher.pt").read_bytes()))

    def _empty(self) -> None:
        """Keep the step: the schedule counts batches, whatever the buffer holds."""

    def __repr__(self) -> str:
        return (
            f"CHERSampler(pool_ratio={self.pool_ratio}, num_neighbors={self.num_neighbors}, "
            f"selection={self.selection!r}, goal={self.goal!r}, lambda={self._weights(1).item():.4g})"
        )


def _check_weight(initial: float, growth: float) -> None:
    check_numbers(lambda_init=initial, lambda_growth=growth)
    if not (0 <= initial <= MAX_WEIGHT and growth >= 0):
        raise UsageError(f"lambda_init is {initial} and lambda_growth {growth}; use 0 to 1e6, and at least 0.")
