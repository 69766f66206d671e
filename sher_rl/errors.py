"""The one exception of this package."""

from __future__ import annotations

import sys
from typing import Any


class UsageError(ValueError):
    """Something the user gave cannot work: one sentence naming it, what was given and what would work.

    Command lines print the sentence alone; any other exception is a fault of ours and keeps its traceback.

    >>> raise UsageError("alpha is -1.0; use a number of at least 0.")
    Traceback (most recent call last):
    sher_rl.errors.UsageError: alpha is -1.0; use a number of at least 0.
    """


def check_numbers(**values: Any) -> None:
    """Refuse arguments that are no finite number of a size that a float can have.

    Raises:
        UsageError: naming the first.

    >>> check_numbers(alpha=0.1, k=4)
    """
    for name, value in values.items():
        if not is_number(value):
            raise UsageError(f"{name} is {value!r:.80}; use a finite number.")


def check_positive(**values: float) -> None:
    """Refuse arguments that are no finite number above 0.

    Raises:
        UsageError: naming the first.

    >>> check_positive(alpha=0.1)
    """
    check_numbers(**values)
    for name, value in values.items():
        if value <= 0:
            raise UsageError(f"{name} is {value}; use a number above 0.")


def check_counts(least: int = 1, **values: Any) -> None:
    """Refuse arguments that are no whole number of at least ``least``.

    Raises:
        UsageError: naming the first.

    >>> check_counts(refit_every=500)
    """
    for name, value in values.items():
        if type(value) is not int or value < least:
            raise UsageError(f"{name} is {value!r:.80}; use a whole number of at least {least}.")


def is_number(value: Any) -> bool:
    """Whether a value is a finite int or float, no bool, of a size that a float can have."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
