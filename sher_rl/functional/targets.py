"""Targets and losses of Soft Hindsight Experience Replay, and of HER's baseline, as pure tensor functions.

Numbers in parentheses are the equations and algorithm lines of the SHER paper (arXiv:2002.02089).
Nothing here keeps state, draws random numbers or knows about TensorDict.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor


def soft_q_target(reward: Tensor, next_value: Tensor, terminated: Tensor, gamma: Tensor | float) -> Tensor:
    r"""Target of both Q functions (eq. 10, line 22): :math:`r + \gamma (1 - d) V_{targ}(s', g)`.

    ``d`` is ``terminated``: an episode cut off by a time limit still bootstraps. All arguments share
    one shape.

    >>> import torch
    >>> soft_q_target(torch.tensor([-1.0, 0.0]), torch.tensor([-4.0, -4.0]), torch.tensor([False, True]), 0.5)
    tensor([-3.,  0.])
    """
    return reward + gamma * next_value * (~terminated)


def soft_value_target(q_values: Tensor, log_prob: Tensor, alpha: Tensor | float) -> Tensor:
    r"""Target of V (eq. 14, line 22): :math:`\min_i Q_i(s, ã, g) - \alpha \log \pi(ã | s, g)`.

    Args:
        q_values: shape ``(n, *batch)``, one row per Q function, at a fresh action ``ã ~ π``.
        log_prob: shape ``(*batch)``, of the same action. A different shape is an error: broadcasting
            ``(B, 1)`` against ``(B,)`` would mix the entropies of different states.
        alpha: temperature.

    >>> import torch
    >>> soft_value_target(torch.tensor([[-1.0, -5.0], [-2.0, -4.0]]), torch.tensor([-1.0, 2.0]), 0.5)
    tensor([-1.5000, -6.0000])
    """
    q_min = q_values.min(0).values
    if q_min.shape != log_prob.shape:
        raise ValueError(f"log_prob has shape {tuple(log_prob.shape)}, one Q has {tuple(q_min.shape)}.")
    return q_min - alpha * log_prob


def half_squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    r"""Regression loss of Q and V (eq. 14): :math:`\frac12 (x - y)^2` per element, no gradient to ``y``.

    >>> import torch
    >>> half_squared_error(torch.tensor([1.0]), torch.tensor([-2.0]))
    tensor([4.5000])
    """
    return 0.5 * (prediction - target.detach()).square()


def policy_objective(q_value: Tensor, log_prob: Tensor, alpha: Tensor | float) -> Tensor:
    r"""What the policy minimises (eq. 16, line 23): :math:`\alpha \log \pi(ã | s, g) - Q(s, ã, g)`.

    >>> import torch
    >>> policy_objective(torch.tensor([-3.0]), torch.tensor([2.0]), 0.5)
    tensor([4.])
    """
    if q_value.shape != log_prob.shape:
        raise ValueError(f"log_prob has shape {tuple(log_prob.shape)}, Q has {tuple(q_value.shape)}.")
    return alpha * log_prob - q_value


def penalised_value(q_value: Tensor, action: Tensor, action_l2: float) -> Tensor:
    r"""What HER's deterministic policy ascends: :math:`Q(s, a, g) - c\,\overline{a^2}` (openai/baselines, her/ddpg.py).

    The mean of the squares is over the action's last dimension, scaled to [-1, 1].

    >>> import torch
    >>> penalised_value(torch.tensor([-3.0]), torch.tensor([[1.0, -0.5]]), action_l2=2.0)
    tensor([-4.2500])
    """
    return q_value - action_l2 * action.square().mean(-1)


def temperature_loss(log_alpha: Tensor, log_prob: Tensor, target_entropy: float) -> Tensor:
    r"""Automatic temperature: :math:`-\log\alpha\,(\log\pi + \bar H)` per element (SAC, arXiv:1812.05905 eq. 18).

    Gradient descent raises :math:`\alpha` while the entropy :math:`-\log\pi` is below ``target_entropy``.

    >>> import torch
    >>> temperature_loss(torch.tensor(-2.0), torch.tensor([3.0]), -4.0)
    tensor([-2.])
    """
    return -log_alpha * (log_prob.detach() + target_entropy)


def entropy_target(target_entropy: float | Literal["auto"] | None, action_dim: int) -> float | None:
    """Entropy in nats that a learned temperature holds the policy to: ``"auto"`` is minus the action's size.

    >>> entropy_target("auto", 4), entropy_target(-2, 4), entropy_target(None, 4)
    (-4.0, -2.0, None)
    """
    if target_entropy is None:
        return None
    return -float(action_dim) if target_entropy == "auto" else float(target_entropy)
