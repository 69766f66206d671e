"""The critics that belong to a policy, in a file of their own beside it: acting needs none, learning on does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from sher_rl.errors import UsageError
from sher_rl.files import digest
from sher_rl.modules.policy_file import policy_file
from sher_rl.modules.tensor_file import read_tensors, write_tensors

CRITICS_FORMAT = "sher_rl.critics/1"


def save_critics(policy: str | Path, critics: Mapping[str, Tensor]) -> None:
    """Write the critics of a saved policy to ``critics.pt`` beside it, whole or not at all.

    The file names the policy's file by its SHA-256. So a policy is not taken with the critics of another moment, also
    where a run is killed after it has written the one and before the other.

    Args:
        policy: the ``policy.pt`` that they belong to, written before, or the folder that holds it.
        critics: their weights, from :func:`~sher_rl.objectives.networks.critics_of`.

    Raises:
        UsageError: the disk is full, or the folder cannot be written.
    """
    path = policy_file(policy)
    write_tensors(_beside(path), {"format": CRITICS_FORMAT, "policy": _sha256(path)}, critics)


def load_critics(policy: str | Path) -> dict[str, Tensor]:
    """Read the critics of a policy; nothing is unpickled.

    Args:
        policy: the ``policy.pt`` that they belong to, or the folder that holds it.

    Returns:
        Their weights, float32, as :func:`save_critics` got them; none where there is no ``critics.pt``.

    Raises:
        UsageError: the file is damaged, or its critics belong to another policy.

    >>> from sher_rl.modules.policy_file import pretrained
    >>> load_critics(pretrained("FetchReach"))
    {}
    """
    path = policy_file(policy)
    beside = _beside(path)
    if not beside.is_file():
        return {}
    saved = read_tensors(beside, "critics", CRITICS_FORMAT, _content)
    if saved["policy"] != _sha256(path):
        raise UsageError(
            f"path {str(beside)!r} holds critics of another policy than {path.name!r}; take both files from one run, "
            f"or delete {beside.name} to begin with new critics."
        )
    return saved["state_dict"]


def _content(saved: Mapping[str, Any]) -> dict[str, Any]:
    return {"policy": saved["policy"], "state_dict": dict(saved["state_dict"])}


def _beside(policy: Path) -> Path:
    return policy.with_name("critics.pt")


def _sha256(path: Path) -> str:
    return digest([path.read_bytes()])
