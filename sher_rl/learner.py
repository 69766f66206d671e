"""Gradient steps at the speed of the hardware."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from tensordict import TensorDictBase, TensorDictParams
from torch import Tensor, nn
from torchrl.objectives import LossModule, SoftUpdate

from sher_rl.errors import UsageError
from sher_rl.faults import losses_are_finite
from sher_rl.functional import return_bounds, soft_return_bounds
from sher_rl.fused import STATISTICS, Batch, Layers, Rules, gradients
from sher_rl.objectives import SoftMultiGoalLoss

Pairs = list[tuple[nn.Parameter, nn.Parameter]]
_UNBOUNDED = (-float("inf"), float("inf"))
_FLUSH_EVERY, _TINY = 64, 1e-30


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
        self.loss, self.target_every, self.steps = loss, target_every, 0
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
            _flush(self.optimizer, self.steps)
            if self.steps % self.target_every == 0:
                self._target.step()
        self.optimizer.zero_grad()
        return statistics

    def state_dict(self) -> dict[str, Any]:
        """Adam's state and the count of steps; the weights are the loss's."""
        return {"optimizer": self.optimizer.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        _load_adam(self.optimizer, state["optimizer"])
        self.steps = int(state["steps"])


class FusedLearner:
    """The gradient step of a :class:`~sher_rl.SoftMultiGoalLoss`, several times faster than through autograd.

    The same losses of the same weights (lines 20-24 of Algorithm 1), differentiated by
    :func:`sher_rl.fused.gradients`, then Adam and the target update. The weights of ``loss`` become views of
    a flat vector, so that loss and policy follow each step at once.

    Args:
        loss: over networks of :func:`~sher_rl.make_networks`.

    Keyword Args:
        actor_lr: Adam's step size for the policy, and for a learned temperature.
        critic_lr: Adam's step size for Q and V.
        polyak: share of the target V kept at each step.
        dtype: of the hidden layers' products. bfloat16 pays where the processor multiplies it in hardware
            (:func:`fast_dtype`); master weights, outputs, targets and Adam stay float32.
        compile: compile the gradients; takes a C++ compiler and, the first time, a quarter of a minute.

    Raises:
        UsageError: the loss has another reduction or renamed keys, or, in :meth:`step`, the batch has rows of several
            steps; :class:`Learner` takes them.

    >>> from sher_rl import GoalDims, make_networks
    >>> loss = SoftMultiGoalLoss(*make_networks(GoalDims(10, 3, 4)), alpha=0.05, gamma=0.98)
    >>> learner = FusedLearner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.99, compile=False)
    """

    def __init__(
        self,
        loss: SoftMultiGoalLoss,
        *,
        actor_lr: float,
        critic_lr: float,
        polyak: float,
        dtype: torch.dtype = torch.float32,
        compile: bool = True,
    ) -> None:
        _check_fusable(loss)
        self.loss, self.polyak, self.steps = loss, polyak, 0
        loss._has_update_associated["value_network"] = True  # as SoftUpdate does: the target is ours to move
        actor, qvalue, value, target = (
            _layer_pairs(getattr(loss, f"{name}_params"))
            for name in ("actor_network", "qvalue_network", "value_network", "target_value_network")
        )
        learned_alpha = [] if loss.target_entropy is None else [loss.log_alpha]
        self._critic = _flatten(_flat(qvalue + value))
        self._actor = _flatten([*_flat(actor), *learned_alpha])
        self._target = _flatten(_flat(target))
        self._value_size = self._target.numel()
        self.optimizer = torch.optim.Adam(
            [{"params": [self._critic], "lr": critic_lr}, {"params": [self._actor], "lr": actor_lr}], fused=True
        )
        self._low = [flat.detach().to(dtype, copy=True) for flat in (self._actor, self._critic, self._target)]
        self._layers = (
            _layers(self._low[0], actor),
            _layers(self._low[1], qvalue),
            _layers(self._low[1][-self._value_size :], value),
            _layers(self._low[2], value),
        )
        mode = "reduce-overhead" if self._actor.is_cuda else "default"  # CUDA graphs; not yet run on a GPU
        self._gradients = torch.compile(gradients, dynamic=False, mode=mode) if compile else gradients

    @torch.no_grad()
    def step(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """Take one step on a batch, normalised already; returns the loss's statistics and ``grad_norm``.

        Writes ``td_error`` into ``batch`` and heeds its ``priority_weight``, if there is one. No step is taken
        where a loss or the gradient is NaN or Inf.
        """
        tensors = _tensors(batch)
        noise = torch.randn_like(tensors.action)
        critic, actor, error, statistics = self._gradients(
            *self._layers, self.loss.log_alpha.detach(), tensors, noise, self._rules(noise.shape[-1])
        )
        batch.set("td_error", error.clone())  # a CUDA graph writes its outputs anew at each step
        named = dict(zip(STATISTICS, statistics.clone().unbind(), strict=True))
        if losses_are_finite(named):
            self._descend(critic, actor)
        return named

    def _descend(self, critic: Tensor, actor: Tensor) -> None:
        self._critic.grad, self._actor.grad = critic, actor
        self.optimizer.step()
        self.steps += 1
        _flush(self.optimizer, self.steps)
        self._target.lerp_(self._critic[-self._value_size :], 1 - self.polyak)
        self._lower()

    def _rules(self, action_dim: int) -> Rules:
        loss, gamma = self.loss, self.loss.gamma.item()
        hard = return_bounds(gamma)
        soft = soft_return_bounds(gamma, loss.alpha.item(), action_dim) if loss.clip == "soft" else _UNBOUNDED
        target_entropy = -float(action_dim) if loss.target_entropy == "auto" else loss.target_entropy
        q_target_bounds = torch.tensor(hard if loss.clip == "hard" else soft, device=self._actor.device)
        return Rules(
            gamma=gamma,
            q_target_bounds=(q_target_bounds[0], q_target_bounds[1]),
            q_bounds=hard if loss.clip == "hard_q" else _UNBOUNDED,
            actor_q=loss.actor_q,
            target_entropy=target_entropy,
        )

    def _lower(self) -> None:
        for low, flat in zip(self._low, (self._actor, self._critic, self._target), strict=True):
            low.copy_(flat)

    def state_dict(self) -> dict[str, Any]:
        """Adam's state and the count of steps; the weights are the loss's."""
        return {"optimizer": self.optimizer.state_dict(), "steps": self.steps}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore Adam, and take over the weights that the loss holds by now."""
        _load_adam(self.optimizer, state["optimizer"])
        self.steps = int(state["steps"])
        self._lower()


def fast_dtype(device: str = "cpu") -> torch.dtype:
    """bfloat16 on a processor with matrix units for it (AMX), float32 elsewhere.

    Args:
        device: where the networks live.

    >>> fast_dtype("cuda")
    torch.float32
    """
    return torch.bfloat16 if device == "cpu" and torch.cpu._is_amx_tile_supported() else torch.float32


@torch.no_grad()
def _flush(optimizer: torch.optim.Adam, steps: int) -> None:
    """Every 64 steps, set moments to 0 that decay to denormal numbers: those take a processor ten times as long.

    A silent unit's first moment comes from 1e-30 to denormal in 170 steps, and moves no weight long before.
    """
    if steps % _FLUSH_EVERY == 0:
        for moments in optimizer.state.values():
            for name in ("exp_avg", "exp_avg_sq"):
                moments[name].copy_(torch.nn.functional.hardshrink(moments[name], _TINY))


def _load_adam(optimizer: torch.optim.Adam, state: Mapping[str, Any]) -> None:
    """Restore Adam; its own loader takes moments of any shape, which would fail at the next step only."""
    optimizer.load_state_dict(dict(state))
    for parameter, moments in optimizer.state.items():
        shapes = {name: tuple(moments[name].shape) for name in ("exp_avg", "exp_avg_sq")}
        if any(shape != parameter.shape for shape in shapes.values()):
            raise ValueError(f"Adam's moments have the shapes {shapes}, their parameter has {tuple(parameter.shape)}")


def _check_fusable(loss: SoftMultiGoalLoss) -> None:
    renamed = [key for key, default in vars(loss.default_keys()).items() if getattr(loss.tensor_keys, key) != default]
    if loss.reduction != "mean" or renamed:
        given = f"renamed keys {renamed}" if renamed else f"reduction {loss.reduction!r}"
        raise UsageError(f"loss has {given}, which the fused gradient does not know; use sher_rl.Learner.")


def _tensors(batch: TensorDictBase) -> Batch:
    if batch.get("steps_to_next_obs", None) is not None:
        raise UsageError("The batch has 'steps_to_next_obs', rows of several steps; use sher_rl.Learner for it.")
    following = batch.get("next")
    reward = following.get("reward").squeeze(-1)
    weight = batch.get("priority_weight", torch.ones_like(reward))
    return Batch(
        state=torch.cat((batch.get("observation"), batch.get("desired_goal")), -1),
        action=batch.get("action"),
        next_state=torch.cat((following.get("observation"), following.get("desired_goal")), -1),
        reward=reward,
        terminated=following.get("terminated").squeeze(-1),
        weight=weight / weight.mean(),
    )


def _layer_pairs(params: TensorDictParams) -> Pairs:
    leaves = dict(params.items(True, True))
    weights = sorted((key for key in leaves if key[-1] == "weight"), key=lambda key: int(key[-2]))
    return [(leaves[key], leaves[(*key[:-1], "bias")]) for key in weights]


def _flat(pairs: Pairs) -> list[nn.Parameter]:
    return [parameter for pair in pairs for parameter in pair]


def _flatten(parameters: Iterable[Tensor]) -> nn.Parameter:
    """Move parameters into one vector, of which they become views."""
    parameters = list(parameters)
    flat = nn.Parameter(torch.cat([p.detach().flatten() for p in parameters]))
    for parameter, part in zip(parameters, flat.detach().split([p.numel() for p in parameters]), strict=True):
        parameter.data = part.view(parameter.shape)
    return flat


def _layers(flat: Tensor, pairs: Pairs) -> Layers:
    """Views of a vector's beginning, shaped as the layers of ``pairs``."""
    parameters = _flat(pairs)
    parts = iter(flat[: sum(p.numel() for p in parameters)].split([p.numel() for p in parameters]))
    layers = []
    for weight, _ in pairs:
        outputs, inputs = weight.shape[-2:]
        layers.append((next(parts).view(-1, outputs, inputs), next(parts).view(-1, 1, outputs)))
    return layers
