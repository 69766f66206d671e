"""Which arguments the losses take: each check raises a UsageError that names the argument."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensordict import NestedKey, TensorDictBase
from torch import Tensor

from sher_rl.errors import UsageError, check_numbers, is_number


def check_gamma(gamma: Any) -> None:
    """Refuse a discount outside [0, 1), a number or a tensor of one.

    >>> check_gamma(0.98)
    """
    gamma = gamma.item() if isinstance(gamma, Tensor) else gamma
    check_numbers(gamma=gamma)
    if not 0 <= gamma < 1:
        raise UsageError(f"gamma is {gamma}; use a number from 0 up to, not including, 1.")


def check_alpha(alpha: float, *, learned: bool) -> None:
    """Refuse a temperature below 0, and 0 where it is learned, as its logarithm is.

    >>> check_alpha(0.0, learned=False)
    """
    check_numbers(alpha=alpha)
    if alpha < 0 or (learned and alpha == 0):
        raise UsageError(f"alpha is {alpha}; use a number of at least 0, above 0 with a target_entropy.")


def check_target_entropy(target_entropy: Any) -> None:
    """Refuse what is neither a number, nor ``"auto"``, nor None.

    >>> check_target_entropy("auto")
    """
    if target_entropy not in (None, "auto") and not is_number(target_entropy):
        raise UsageError(f"target_entropy is {target_entropy!r:.80}; use a finite number, 'auto' or None.")


def check_at_least_0(**values: float) -> None:
    """Refuse negative numbers.

    >>> check_at_least_0(action_l2=1.0)
    """
    check_numbers(**values)
    for name, value in values.items():
        if value < 0:
            raise UsageError(f"{name} is {value}; use a number of at least 0.")


def check_choice(name: str, value: Any, known: tuple[str, ...]) -> None:
    """Refuse a word that is none of those known.

    >>> check_choice("clip", "soft", ("none", "soft"))
    """
    if value not in known:
        raise UsageError(f"{name} is {value!r:.80}; use one of {', '.join(known)}.")


def check_has(batch: TensorDictBase, keys: Iterable[NestedKey]) -> None:
    """Refuse a batch that lacks something a loss reads.

    >>> from tensordict import TensorDict
    >>> check_has(TensorDict({"action": [0.0]}), ["action"])
    """
    missing = [key for key in keys if batch.get(key, None) is None]
    if missing:
        raise UsageError(f"The batch has no {', '.join(map(repr, missing))}; use one that has all that the loss reads.")
