"""The gradient step of any TorchRL loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn
from torchrl.objectives import LossModule, SoftUpdate

from sher_rl.errors import UsageError
from sher_rl.learners.adam_state import flush, load_adam
from sher_rl.learners.finite import losses_are_finite


class Learner:
    """The gradient step of a TorchRL loss: the sum of its losses through autograd, Adam, the target networks.

    Args:
        loss: one that returns a TensorDict; its entries whose names begin with ``loss`` are added. It may have target
            networks, or none (PPO, CrossQ, behaviour cloning), and a critic, or none.

    Keyword Args:
        actor_lr: Adam's step size for the parameters that are not the critic's.
        critic_lr: Adam's step size for the parameters of networks with ``value`` or ``critic`` in their names.
        polyak: share of the target networks kept when they move.
        target_every: gradient steps from one move to the next.
        terms: losses over networks of ``loss``, whose entries are added to its own; see
            :class:`~sher_rl.QFilteredCloning`. They have no weights of their own.

    Raises:
        UsageError: in :meth:`step`, the loss returns no TensorDict, as Dreamer's do, or has a value for each row.

    >>> from sher_rl import GoalDims, MultiGoalDDPGLoss, make_ddpg_networks
    >>> loss = MultiGoalDDPGLoss(*make_ddpg_networks(GoalDims(10, 3, 4)), gamma=0.98, action_l2=1.0)
    >>> learner = Learner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.95, target_every=40)
    """

    def __init__(
        self,
        loss: LossModule,
        *,
        actor_lr: float,
        critic_lr: float,
        polyak: float,
        target_every: int = 1,
        terms: Sequence[LossModule] = (),
    ) -> None:
        self.loss = loss
        self.terms = terms
        self.target_every = target_every
        self.steps = 0
        self._target = SoftUpdate(loss, eps=polyak) if _has_targets(loss) else None
        critic, others = _critic_and_others(loss)
        groups = [{"params": critic, "lr": critic_lr}, {"params": others, "lr": actor_lr}]
        self.optimizer = torch.optim.Adam([group for group in groups if group["params"]], fused=True)

    def step(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """Take one step on a batch, normalised already; returns what the loss does, and ``grad_norm``.

        The batch counts as numbers, also if its actions were collected with gradients. No step is taken where a loss or
        the gradient is NaN or Inf.
        """
        batch.update(batch.detach())
        out = self.loss(batch)
        for term in self.terms:
            out.update(term(batch))
        _total(out).backward()
        gradients = [p.grad for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        statistics = {**{key: value.detach() for key, value in out.items()}, "grad_norm": norm}
        if losses_are_finite(statistics):
            self._descend()
        self.optimizer.zero_grad()
        return statistics

    def _descend(self) -> None:
        self.optimizer.step()
        self.steps += 1
        flush(self.optimizer, self.steps)
        if self._target is not None and self.steps % self.target_every == 0:
            self._target.step()

    def state_dict(self) -> dict[str, Any]:
        """Adam's state and the count of steps; the weights are the loss's."""
        return {"optimizer": self.optimizer.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        load_adam(self.optimizer, state["optimizer"])
        self.steps = int(state["steps"])


def _has_targets(loss: LossModule) -> bool:
    names = [name for name, _ in loss.named_children()]
    return any(name.startswith("target_") and name.removeprefix("target_") in names for name in names)


def _critic_and_others(loss: LossModule) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    critic: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in loss.named_parameters():
        network = name.partition(".")[0]
        group = critic if "value" in network or "critic" in network else others
        if parameter.requires_grad:
            group.append(parameter)
    return critic, others


def _total(out: TensorDictBase) -> Tensor:
    if not isinstance(out, TensorDictBase):
        raise UsageError(f"loss returned a {type(out).__name__}; Learner takes losses that return a TensorDict.")
    losses = {key: value for key, value in out.items() if key.startswith("loss")}
    for key, value in losses.items():
        if value.numel() != 1:
            raise UsageError(f"{key} has {value.numel()} values; give the loss a reduction, 'mean' or 'sum'.")
    return torch.stack([value.reshape(()) for value in losses.values()]).sum()
