"""How stable a policy is: its success in training beside its success in tests."""

from __future__ import annotations


def delta_s(train_success: float, test_success: float) -> float:
    r"""Stability measure (eq. 17): :math:`\delta_S = |S_{train} - S_{test}|`, of success rates in [0, 1].

    >>> delta_s(0.5, 0.75)
    0.25
    """
    return abs(train_success - test_success)
