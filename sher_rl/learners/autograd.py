"""The gradient step of any TorchRL loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torchrl.objectives import LossModule, SoftUpdate

from sher_rl.learners.adam_state import flush, load_adam
from sher_rl.learners.finite import losses_are_finite


class Learner:
    """The gradient step of any TorchRL loss: the sum of its losses through autograd, Adam, the target networks.

    Args:
        loss: with output keys that begin with ``loss_``, of one value each.

    Keyword Args:
        actor_lr: Adam's step size for the parameters that are not the critic's.
        critic_lr: Adam's step size for the parameters of modules named ``*value_network``.
        polyak: share of the target networks kept when they move.
        target_every: gradient steps from one move to the next.

    >>> from sher_rl import GoalDims, MultiGoalDDPGLoss, make_ddpg_networks
    >>> loss = MultiGoalDDPGLoss(*make_ddpg_networks(GoalDims(10, 3, 4)), gamma=0.98, action_l2=1.0)
    >>> learner = Learner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.95, target_every=40)
    """

    def __init__(
        self, loss: LossModule, *, actor_lr: float, critic_lr: float, polyak: float, target_every: int = 1
    ) -> None:
        self.loss = loss
        self.target_every = target_every
        self.steps = 0
        self._target = SoftUpdate(loss, eps=polyak)
        named = dict(loss.named_parameters())
        critic = [parameter for name, parameter in named.items() if "value_network_params" in name]
        actor = [parameter for name, parameter in named.items() if "value_network_params" not in name]
        groups = [{"params": critic, "lr": critic_lr}, {"params": actor, "lr": actor_lr}]
        self.optimizer = torch.optim.Adam(groups, fused=True)

    def step(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """Take one step on a batch, normalised already; returns what the loss does, and ``grad_norm``.

        No step is taken where a loss or the gradient is NaN or Inf.
        """
        out = self.loss(batch)
        sum(value for key, value in out.items() if key.startswith("loss_")).backward()
        gradients = [p.grad for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        statistics = {**{key: value.detach() for key, value in out.items()}, "grad_norm": norm}
        if losses_are_finite(statistics):
            self.optimizer.step()
            self.steps += 1
            flush(self.optimizer, self.steps)
            if self.steps % self.target_every == 0:
                self._target.step()
        self.optimizer.zero_grad()
        return statistics

    def state_dict(self) -> dict[str, Any]:
        """Adam's state and the count of steps; the weights are the loss's."""
        return {"optimizer": self.optimizer.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        load_adam(self.optimizer, state["optimizer"])
        self.steps = int(state["steps"])
