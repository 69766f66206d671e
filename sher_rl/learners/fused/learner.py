"""The learner of the recipes: the gradient step of our losses without autograd."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torchrl.objectives import LossModule

from sher_rl import _torchrl
from sher_rl.errors import UsageError
from sher_rl.learners.adam_state import flush, load_adam
from sher_rl.learners.finite import losses_are_finite
from sher_rl.learners.fused import ddpg as fused_ddpg
from sher_rl.learners.fused import sher as fused_sher
from sher_rl.learners.fused.cloning import cloning_of
from sher_rl.learners.fused.flat_weights import FlatNetworks
from sher_rl.learners.fused.layers import Batch, Fusion, Gradients
from sher_rl.learners.fused.verification import INSTEAD, agrees_with_autograd, check_batch
from sher_rl.modules.networks import STATE
from sher_rl.objectives.checks import check_has
from sher_rl.objectives.cloning import QFilteredCloning
from sher_rl.objectives.ddpg import MultiGoalDDPGLoss
from sher_rl.objectives.sher import SoftMultiGoalLoss
from sher_rl.processor import bfloat16_unit, torch_threads
from sher_rl.replay.mix import DEMONSTRATION


class FusedLearner:
    """The gradient step of our losses, faster than through autograd.

    This is what trains in the recipes, and it never calls ``loss.forward``. It reads the loss's networks and constants,
    and computes the same losses and their gradients (lines 20-24 of Algorithm 1, arXiv:2002.02089; HER's) by
    :func:`sher_rl.learners.fused.sher.gradients` or :func:`sher_rl.learners.fused.ddpg.gradients`; then come Adam and
    the target update. The tests hold each number to what ``loss.forward`` and autograd give.

    The weights of ``loss`` become views of flat vectors, so loss and policy follow each step at once.

    Args:
        loss: over networks of :func:`~sher_rl.make_networks`, :func:`~sher_rl.make_two_stream_networks`,
            :func:`~sher_rl.make_merged_networks`, :func:`~sher_rl.make_bilinear_networks` or
            :func:`~sher_rl.make_ddpg_networks`.

    Keyword Args:
        actor_lr: Adam's step size for the policy, and for a learned temperature.
        critic_lr: Adam's step size for Q and V.
        polyak: share of the target networks kept when they move.
        target_every: gradient steps from one move to the next.
        dtype: of the hidden layers' products. bfloat16 pays where the processor multiplies it in hardware
            (:func:`fast_dtype`); master weights, outputs, targets and Adam stay float32.
        terms: one :class:`~sher_rl.QFilteredCloning` of ``loss``, or none.
        compile: compile the gradients; takes a C++ compiler and, the first time, a quarter of a minute.

    Raises:
        UsageError: the loss is another one, or a subclass, or has other settings or networks than these; in
            :meth:`step`, the batch has rows of several steps or a mask, or the first batch's losses and gradients are
            not those of ``loss.forward`` and autograd. :class:`Learner` takes them all.

    >>> from sher_rl import GoalDims, make_networks
    >>> loss = SoftMultiGoalLoss(*make_networks(GoalDims(10, 3, 4)), alpha=0.05, gamma=0.98)
    >>> learner = FusedLearner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.99, compile=False)
    """

    def __init__(
        self,
        loss: SoftMultiGoalLoss | MultiGoalDDPGLoss,
        *,
        actor_lr: float,
        critic_lr: float,
        polyak: float,
        target_every: int = 1,
        terms: Sequence[LossModule] = (),
        dtype: torch.dtype = torch.float32,
        compile: bool = True,
    ) -> None:
        cloning = cloning_of(loss, terms)
        fusion = _fuse(loss, cloning)
        self.terms = terms
        self._fusion = fusion
        self.loss = loss
        self.polyak = polyak
        self.target_every = target_every
        self.steps = 0
        _torchrl.take_over_targets(loss, fusion.tracked)
        self._critic = FlatNetworks(loss, fusion.critic, dtype)
        self._actor = FlatNetworks(loss, fusion.actor, dtype, fusion.scalars)
        self._target = FlatNetworks(loss, [f"target_{name}" for name in fusion.tracked], dtype)
        critic = {"params": [self._critic.vector], "lr": critic_lr}
        actor = {"params": [self._actor.vector], "lr": actor_lr}
        self.optimizer = torch.optim.Adam([critic, actor], fused=True)
        self._verified: Batch | None = None
        self._layers = [*self._critic.layers, *self._actor.layers, *self._target.layers]
        self._gradients = fusion.gradients
        if compile:
            mode = "reduce-overhead" if self._actor.vector.is_cuda else "default"  # CUDA graphs; not yet run on a GPU
            self._gradients = torch.compile(fusion.gradients, dynamic=False, mode=mode)

    @torch.no_grad()
    def step(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """Take one step on a batch, normalised already; returns the loss's statistics and ``grad_norm``.

        The batch ``(B,)`` has ``observation``, ``desired_goal`` and ``action``, and under ``next`` also ``reward`` and
        ``terminated``. Writes ``td_error`` ``(B,)`` into it and heeds its ``priority_weight``, if there is one. No step
        is taken where a loss or the gradient is NaN or Inf.
        """
        check_batch(batch)
        tensors = self._tensors(batch)
        if self._verified is None and self._verify(batch, tensors):
            self._verified = tensors
        critic, actor, error, statistics = self._gradients_of(tensors)
        batch.set("td_error", error.clone())  # a CUDA graph writes its outputs anew at each step
        named = dict(zip(statistics, torch.stack(list(statistics.values())).unbind(), strict=True))
        if losses_are_finite(named):
            self._descend(critic, actor)
        return named

    def _gradients_of(self, tensors: Batch) -> Gradients:
        return self._gradients(*self._layers, tensors, *self._fusion.arguments(tensors))

    @torch.no_grad()
    def same_on_one_thread(self) -> bool:
        """Whether gradients are the same to the bit with one thread of torch as with those it has, on the first batch.

        Large products may be cut into parts, one a thread, whose sums are rounded differently. False before the first
        step, and on a GPU, where torch's threads do not compute them. Compiles for one thread, in a few seconds.
        """
        if self._verified is None or self._actor.vector.is_cuda:
            return False
        with torch.random.fork_rng([]):
            many = self._gradients_of(self._verified)
        with torch.random.fork_rng([]), torch_threads(1):
            one = self._gradients_of(self._verified)
        return many.equals(one)

    def _verify(self, batch: TensorDictBase, tensors: Batch) -> bool:
        """Hold the gradients, in float32 and not compiled, to the loss and autograd, both from the same draws."""
        networks = {"critic": self._critic, "actor": self._actor}
        layers = [layer for part in (*networks.values(), self._target) for layer in part.master_layers]
        devices = [self._actor.vector.device] if self._actor.vector.is_cuda else []
        with torch.random.fork_rng(devices):
            gradients = self._fusion.gradients(*layers, tensors, *self._fusion.arguments(tensors))
        with torch.random.fork_rng(devices):
            return agrees_with_autograd(self.loss, self.terms, batch, networks, gradients)

    def _tensors(self, batch: TensorDictBase) -> Batch:
        if not self.terms:
            return _tensors(batch)
        check_has(batch, [DEMONSTRATION])
        return _tensors(batch)._replace(demonstration=batch.get(DEMONSTRATION))

    def _descend(self, critic: Tensor, actor: Tensor) -> None:
        self._critic.vector.grad = critic
        self._actor.vector.grad = actor
        self.optimizer.step()
        self.steps += 1
        flush(self.optimizer, self.steps)
        if self.steps % self.target_every == 0:
            self._move_targets()
        self._critic.lower()
        self._actor.lower()

    def _move_targets(self) -> None:
        parts = self._critic.parts | self._actor.parts
        for name in self._fusion.tracked:
            self._target.parts[f"target_{name}"].lerp_(parts[name], 1 - self.polyak)
        self._target.lower()

    def state_dict(self) -> dict[str, Any]:
        """Adam's state and the count of steps; the weights are the loss's."""
        return {"optimizer": self.optimizer.state_dict(), "steps": self.steps}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore Adam, and take over the weights that the loss holds by now."""
        load_adam(self.optimizer, state["optimizer"])
        self.steps = int(state["steps"])
        self._lower()

    def _lower(self) -> None:
        for networks in (self._critic, self._actor, self._target):
            networks.lower()


def fast_dtype(device: str = "cpu") -> torch.dtype:
    """bfloat16 where the processor multiplies it in hardware (AMX, or AVX-512's own), else float32.

    Args:
        device: where the networks live.

    >>> fast_dtype("cuda")
    torch.float32
    """
    return torch.bfloat16 if device == "cpu" and bfloat16_unit() else torch.float32


_FUSE: dict[type[LossModule], Callable[[Any, QFilteredCloning | None], Fusion]] = {
    SoftMultiGoalLoss: fused_sher.fuse,
    MultiGoalDDPGLoss: fused_ddpg.fuse,
}


def _fuse(loss: LossModule, cloning: QFilteredCloning | None) -> Fusion:
    fuse = _FUSE.get(type(loss))  # a subclass may compute anything
    if fuse is None:
        raise UsageError(f"loss is a {type(loss).__name__}, whose gradient is not written out; {INSTEAD}.")
    return fuse(loss, cloning)


def _tensors(batch: TensorDictBase) -> Batch:
    following = batch.get("next")
    reward = following.get("reward").squeeze(-1)
    weight = batch.get("priority_weight", torch.ones_like(reward))
    return Batch(
        state={key: batch.get(key) for key in STATE},
        action=batch.get("action"),
        next_state={key: following.get(key) for key in STATE},
        reward=reward,
        terminated=following.get("terminated").squeeze(-1),
        weight=weight / weight.mean(),
    )
