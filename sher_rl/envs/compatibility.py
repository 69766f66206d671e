"""gymnasium-robotics 1.4.2 with MuJoCo from 3.12 on.

Since MuJoCo 3.12 a member of its enums no longer equals NumPy's integer of the same value where it stands on the left,
as in ``joint_type in (mjJNT_HINGE, mjJNT_SLIDE)``. Four functions of gymnasium-robotics' ``utils/mujoco_utils.py``
assert that of each joint, and every Fetch and Hand environment fails with a bare ``AssertionError``.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np


class IntegerJoints:
    """A module as its importer sees it, with ``mjtJoint``'s members as plain integers.

    >>> import mujoco
    >>> view = IntegerJoints(mujoco)
    >>> view.mjtJoint.mjJNT_HINGE, view.MjModel is mujoco.MjModel
    (3, True)
    """

    def __init__(self, mujoco: ModuleType) -> None:
        self._mujoco = mujoco
        members = {name: int(value) for name, value in mujoco.mjtJoint.__members__.items()}
        self.mjtJoint = type("mjtJoint", (), members)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mujoco, name)


def joint_types_equal_integers(mujoco: ModuleType) -> bool:
    """Whether a joint type on the left equals the integer that a model has, as gymnasium-robotics expects.

    >>> import mujoco
    >>> joint_types_equal_integers(IntegerJoints(mujoco))
    True
    """
    return bool(mujoco.mjtJoint.mjJNT_HINGE == np.int32(int(mujoco.mjtJoint.mjJNT_HINGE)))


def mend_joint_types(mujoco_utils: Any) -> None:
    """Let gymnasium-robotics' ``mujoco_utils`` see joint types as integers, if it has to; nothing else changes.

    Args:
        mujoco_utils: that module, which has imported ``mujoco``.
    """
    if not joint_types_equal_integers(mujoco_utils.mujoco):
        mujoco_utils.mujoco = IntegerJoints(mujoco_utils.mujoco)
