"""The coefficients of soft Q-learning's losses, refused where they are out of range."""

from __future__ import annotations

from typing import Any, Self

from torchrl.objectives import ValueEstimators

from sher_rl.errors import check_positive
from sher_rl.objectives.checks import check_gamma


class SoftCoefficients:
    """Beside a :class:`~torchrl.objectives.LossModule` with ``gamma`` and ``alpha``: checks them wherever they are set.

    Raises:
        UsageError: ``gamma`` is not in [0, 1), or ``alpha`` not above 0.
    """

    gamma: Any
    alpha: Any

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "gamma":
            check_gamma(value)
        if name == "alpha":
            check_positive(alpha=float(value))
        super().__setattr__(name, value)

    def make_value_estimator(self, value_type: ValueEstimators | None = None, **hyperparams: Any) -> Self:
        """Set ``gamma`` the TorchRL way; other estimators than TD(0) leave out the entropy along the way."""
        if value_type not in (None, ValueEstimators.TD0) or set(hyperparams) - {"gamma"}:
            raise NotImplementedError(f"{type(self).__name__} has the TD0 estimator with gamma, not {value_type}.")
        if "gamma" in hyperparams:
            self.gamma = hyperparams["gamma"]
        return self
