"""The gradient of behaviour cloning written out: what :class:`~sher_rl.QFilteredCloning` and autograd compute."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torchrl.objectives import LossModule

from sher_rl.errors import UsageError
from sher_rl.functional.cloning import cloning_error, filtered_cloning, q_filter
from sher_rl.learners.fused.structure import INSTEAD
from sher_rl.objectives.cloning import QFilteredCloning


def clone(
    raw: Tensor, shown: Tensor, q_shown: Tensor, q_policy: Tensor, demonstration: Tensor, weight: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Gradient of cloning in ``raw``, ``(B, d)``, of which tanh makes the policy's action, and its statistics.

    Args:
        raw: before tanh.
        shown: the batch's actions, ``(B, d)``.
        q_shown: Q of these, ``(B,)``.
        q_policy: Q of the policy's, ``(B,)``.
        demonstration: which rows are of one, ``(B,)``.
        weight: of the term, a scalar.
    """
    action = raw.tanh()
    kept = q_filter(q_shown, q_policy, demonstration)
    count = demonstration.sum().clamp(min=1)
    into_action = 2 * weight / count * kept.unsqueeze(-1) * (action - shown)
    statistics = {
        "loss_cloning": weight * filtered_cloning(cloning_error(action, shown), kept, demonstration),
        "cloned": kept.sum() / count,
    }
    return into_action * (1 - action.square()), statistics


def cloning_of(loss: LossModule, terms: Sequence[LossModule]) -> QFilteredCloning | None:
    """The one term that is written out, of those asked for; None if there are none.

    Raises:
        UsageError: there is another.
    """
    if not terms:
        return None
    term = terms[0]
    if len(terms) > 1 or type(term) is not QFilteredCloning or term.loss is not loss:
        kinds = ", ".join(type(each).__name__ for each in terms)
        raise UsageError(
            f"terms are {kinds}, and only one QFilteredCloning of the same loss is written out; {INSTEAD}."
        )
    return term
