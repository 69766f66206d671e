from types import ModuleType, SimpleNamespace

import mujoco
import numpy as np
import pytest
from gymnasium_robotics.utils import mujoco_utils

from sher_rl.envs.compatibility import IntegerJoints, joint_types_equal_integers, mend_joint_types
from sher_rl.envs.make_gym import import_gymnasium, make_gym

MODEL = """<mujoco><worldbody>
<body><joint name="hinge"/><geom size="1"/></body>
<body><joint name="slide" type="slide"/><geom size="1"/></body>
<body><joint name="ball" type="ball"/><geom size="1"/></body>
<body><freejoint name="free"/><geom size="1"/></body>
</worldbody></mujoco>"""


class Strict:
    """A joint type as MuJoCo has them from 3.12 on: on the left it equals no NumPy integer."""

    __hash__ = None

    def __init__(self, value: int) -> None:
        self._value = value

    def __int__(self) -> int:
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Strict) and other._value == self._value


def of_3_12() -> ModuleType:
    types = {name: Strict(int(value)) for name, value in mujoco.mjtJoint.__members__.items()}
    return SimpleNamespace(mjtJoint=SimpleNamespace(**types, __members__=types), mj_name2id=mujoco.mj_name2id)


def test_the_fault_is_told_from_its_absence() -> None:
    assert not joint_types_equal_integers(of_3_12())
    assert joint_types_equal_integers(IntegerJoints(of_3_12()))


def test_it_is_applied_only_where_it_has_to_be() -> None:
    utils = SimpleNamespace(mujoco=IntegerJoints(mujoco))
    before = utils.mujoco
    mend_joint_types(utils)
    assert utils.mujoco is before
    utils.mujoco = newer = of_3_12()
    mend_joint_types(utils)
    assert utils.mujoco.mj_name2id is newer.mj_name2id
    assert utils.mujoco.mjtJoint.mjJNT_HINGE == np.int32(3)


@pytest.mark.parametrize(("name", "positions"), [("hinge", 1), ("slide", 1), ("ball", 4), ("free", 7)])
def test_joints_are_read_with_any_mujoco(name: str, positions: int) -> None:
    import_gymnasium()
    model = mujoco.MjModel.from_xml_string(MODEL)
    assert len(mujoco_utils.get_joint_qpos(model, mujoco.MjData(model), name)) == positions


@pytest.mark.parametrize("env_id", ["FetchPickAndPlace-v4", "HandManipulateEgg-v1"])
def test_a_task_is_made_and_stepped_with_any_mujoco(env_id: str) -> None:
    env = make_gym(env_id)
    env.reset(seed=0)
    observation, *_ = env.step(env.action_space.sample())
    assert np.isfinite(observation["observation"]).all()
    env.close()
