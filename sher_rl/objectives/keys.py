"""Names of what a loss reads from a batch and of what it returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tensordict import NestedKey, unravel_key

STATISTICS = ("alpha", "entropy", "q_mean", "q_min", "q_max", "v_mean")


@dataclass
class SoftMultiGoalKeys:
    """Names that :class:`~sher_rl.SoftMultiGoalLoss` reads and writes, which its ``set_keys`` changes."""

    action: NestedKey = "action"
    reward: NestedKey = "reward"
    terminated: NestedKey = "terminated"
    steps_to_next_obs: NestedKey = "steps_to_next_obs"
    state_action_value: NestedKey = "state_action_value"
    value: NestedKey = "state_value"
    priority: NestedKey = "td_error"
    priority_weight: NestedKey = "priority_weight"


@dataclass
class SoftQKeys:
    """Names that :class:`~sher_rl.SoftQLoss` reads and writes, which its ``set_keys`` changes."""

    action: NestedKey = "action"
    raw_action: NestedKey = "raw_action"
    noise: NestedKey = "noise"
    reward: NestedKey = "reward"
    terminated: NestedKey = "terminated"
    steps_to_next_obs: NestedKey = "steps_to_next_obs"
    state_action_value: NestedKey = "state_action_value"
    priority: NestedKey = "td_error"
    priority_weight: NestedKey = "priority_weight"


def input_keys(now: Iterable[NestedKey], following: Iterable[NestedKey]) -> list[NestedKey]:
    """What is read from a batch: the keys of ``now``, and those of ``following`` under ``next``, each once.

    >>> input_keys(["observation", "observation"], ["reward", ("goal", "x")])
    ['observation', ('next', 'reward'), ('next', 'goal', 'x')]
    """
    return list(dict.fromkeys([*now, *(unravel_key(("next", key)) for key in following)]))


def output_keys(*, learned_alpha: bool, statistics: bool) -> list[str]:
    """What :class:`~sher_rl.SoftMultiGoalLoss` returns.

    >>> output_keys(learned_alpha=True, statistics=False)
    ['loss_actor', 'loss_qvalue', 'loss_value', 'loss_alpha']
    """
    losses = ["loss_actor", "loss_qvalue", "loss_value"]
    if learned_alpha:
        losses.append("loss_alpha")
    return [*losses, *STATISTICS] if statistics else losses
