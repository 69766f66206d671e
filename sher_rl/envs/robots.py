"""Actions in, observations and rewards out, for all environments at once: the Fetch arm and the Shadow hand.

The expressions keep the operations, their order and the dtypes of gymnasium-robotics, so the results are
equal to its own to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import mujoco
import numpy as np
from gymnasium_robotics.utils import rotations
from numpy.typing import NDArray

Array = NDArray[Any]
_STATE = mujoco.mjtState


class Robot(Protocol):
    """What a batched environment asks of a robot; ``sims`` are unwrapped gymnasium environments of one task."""

    signature: int
    """The parts of MuJoCo's state that a row of controls sets, as ``mjtState`` bits."""

    def __init__(self, sims: Sequence[Any]) -> None: ...

    def controls(self, actions: Array) -> Array:
        """Rows for :meth:`advance` from float32 actions in [-1, 1], ``(n, a)``."""

    def advance(self, i: int, control: Array) -> None:
        """Run the physics of environment ``i`` for one step; environments may advance in different threads."""

    def observe(self) -> tuple[Array, Array]:
        """Observations and achieved goals of all environments after :meth:`advance`, float64."""

    def judge(self, achieved: Array, desired: Array) -> tuple[Array, Array]:
        """Rewards and successes (0 or 1) of goals ``(n, g)``, both ``(n,)``."""


class Fetch:
    """The Fetch arm: its gripper follows a mocap body, whose displacement is the action."""

    def __init__(self, sims: Sequence[Any]) -> None:
        sim = self._sim = sims[0]
        model = sim.model
        self._worlds = _worlds(sims)
        self.signature = int(_STATE.mjSTATE_CTRL | _STATE.mjSTATE_MOCAP_POS | _STATE.mjSTATE_MOCAP_QUAT)
        self._period = sim.n_substeps * model.opt.timestep
        joint = model.joint("robot0:r_gripper_finger_joint")  # the left one follows it
        qpos, qvel = (slice(address[0], address[0] + 2) for address in (joint.qposadr, joint.dofadr))
        self._finger_speed = qvel
        self._fingers = [sim.data.qpos[qpos] for sim in sims]
        driven = model.jnt_qposadr[model.actuator_trnid[:, 0]]
        self._driven = [sim.data.qpos[a : a + 1] for sim in sims for a in driven]
        hand = model.eq_obj2id[0]
        self._hand = [view for sim in sims for view in (sim.data.xpos[hand], sim.data.xquat[hand])]
        self._sites = [model.site(name).id for name in ("robot0:grip", "object0")[: 1 + sim.has_object]]
        self._poses = [
            view for sim in sims for s in self._sites for view in (sim.data.site_xpos[s], sim.data.site_xmat[s])
        ]
        self._speeds = [sim.data.qvel for sim in sims]
        self._jacobians = np.zeros((len(sims), 2 * len(self._sites), 3, model.nv))

    def controls(self, actions: Array) -> Array:
        """Gripper targets (those of unblocked grippers), then the pose of the mocap body."""
        hand = _rows(self._hand, len(actions))
        target = hand[:, :3] + actions[:, :3] * 0.05
        parts = [target, hand[:, 3:] + (1.0, 0.0, 1.0, 0.0)]
        if not self._sim.block_gripper:
            parts.insert(0, _rows(self._driven, len(actions)) + actions[:, 3:])
        return np.concatenate(parts, 1)

    def advance(self, i: int, control: Array) -> None:
        """Move the mocap body, step, hold a blocked gripper shut and read the sites' Jacobians."""
        model, data = self._worlds[i]
        mujoco.mj_setState(model, data, control, self.signature)
        mujoco.mj_step(model, data, self._sim.n_substeps)
        if self._sim.block_gripper:
            self._fingers[i].fill(0.0)
            mujoco.mj_forward(model, data)
        jacobians = self._jacobians[i]
        for k, site in enumerate(self._sites):
            mujoco.mj_jacSite(model, data, jacobians[2 * k], jacobians[2 * k + 1], site)

    def observe(self) -> tuple[Array, Array]:
        """Positions and per-step velocities of gripper and object; the goal is where the object (gripper) is."""
        n = len(self._worlds)
        qvel = _rows(self._speeds, n)
        fingers, finger_speed = _rows(self._fingers, n), qvel[:, self._finger_speed] * self._period
        velocity = (self._jacobians @ qvel[:, None, :, None])[..., 0] * self._period
        poses = _rows(self._poses, n)
        grip, grip_velocity = poses[:, :3], velocity[:, 0]
        if len(self._sites) == 1:
            return np.concatenate((grip, fingers, grip_velocity, finger_speed), 1), grip
        thing, turn = poses[:, 12:15], rotations.mat2euler(poses[:, 15:].reshape(n, 3, 3))
        moving = (turn, velocity[:, 2] - grip_velocity, velocity[:, 3], grip_velocity, finger_speed)
        return np.concatenate((grip, thing, thing - grip, fingers, *moving), 1), thing

    def judge(self, achieved: Array, desired: Array) -> tuple[Array, Array]:
        """Distance of the points."""
        return _judge_points(self._sim, achieved, desired)


class Hand:
    """The Shadow hand: actions are absolute joint angles, observations are columns of the simulation's state."""

    def __init__(self, sims: Sequence[Any]) -> None:
        sim = self._sim = sims[0]
        model = sim.model
        self._worlds = _worlds(sims)
        self.signature = int(_STATE.mjSTATE_CTRL)
        low, high = model.actuator_ctrlrange.T
        self._low, self._high, self._middle, self._reach = low, high, (high + low) / 2.0, (high - low) / 2.0
        self._state = [view for sim in sims for view in (sim.data.qpos, sim.data.qvel, sim.data.site_xpos.reshape(-1))]
        joints = [joint for joint in map(model.joint, range(model.njnt)) if joint.name.startswith("robot")]
        robot = [joint.qposadr[0] for joint in joints], [model.nq + joint.dofadr[0] for joint in joints]
        self._has_object = hasattr(sim, "target_rotation")
        goal, speed = self._object(model) if self._has_object else self._fingertips(model)
        self._goal, self._observation = goal, np.concatenate((*robot, speed, goal)).astype(int)

    @staticmethod
    def _object(model: Any) -> tuple[Array, Array]:
        joint = model.joint("object:joint")
        return joint.qposadr[0] + np.arange(7), model.nq + joint.dofadr[0] + np.arange(6)

    @staticmethod
    def _fingertips(model: Any) -> tuple[Array, Array]:
        tips = np.array([model.site(f"robot0:S_{finger}tip").id for finger in ("ff", "mf", "rf", "lf", "th")])
        return (model.nq + model.nv + 3 * tips[:, None] + np.arange(3)).reshape(-1), np.empty(0)

    def controls(self, actions: Array) -> Array:
        """Joint angles within the actuators' ranges."""
        return np.clip(self._middle + actions * self._reach, self._low, self._high)

    def advance(self, i: int, control: Array) -> None:
        """Step towards the joint angles."""
        model, data = self._worlds[i]
        mujoco.mj_setState(model, data, control, self.signature)
        mujoco.mj_step(model, data, self._sim.n_substeps)

    def observe(self) -> tuple[Array, Array]:
        """Joint angles and speeds of the hand, speed of the object, and the goal: object pose or fingertips."""
        state = _rows(self._state, len(self._worlds))
        return state.take(self._observation, 1), state.take(self._goal, 1)

    def judge(self, achieved: Array, desired: Array) -> tuple[Array, Array]:
        """Distance of the fingertips, or of the object's pose."""
        return (_judge_poses if self._has_object else _judge_points)(self._sim, achieved, desired)


def _worlds(sims: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Model and data of each, sensors off: no task observes them, and a hand's take over 1 per cent of its physics."""
    for sim in sims:
        sim.model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_SENSOR)
    return [(sim.model, sim.data) for sim in sims]


def _rows(views: list[Array], n: int) -> Array:
    return np.concatenate(views).reshape(n, -1)


def _judge_points(sim: Any, achieved: Array, desired: Array) -> tuple[Array, Array]:
    distance = np.linalg.norm(achieved - desired, axis=-1)
    sparse = sim.reward_type == "sparse"
    reward = -(distance > sim.distance_threshold).astype(np.float32) if sparse else -distance
    return reward, distance < sim.distance_threshold


def _judge_poses(sim: Any, achieved: Array, desired: Array) -> tuple[Array, Array]:
    """gymnasium-robotics' distance of poses, whose own batched form is wrong where spin about z is free."""
    position = np.linalg.norm(achieved[:, :3] - desired[:, :3], axis=-1)
    achieved_quat, desired_quat = achieved[:, 3:], desired[:, 3:]
    if sim.ignore_z_target_rotation:
        euler = rotations.quat2euler(achieved_quat)
        euler[:, 2] = rotations.quat2euler(desired_quat)[:, 2]
        achieved_quat = rotations.euler2quat(euler)
    cosine = rotations.quat_mul(achieved_quat, rotations.quat_conjugate(desired_quat))[:, 0]
    angle = 2 * np.arccos(np.clip(cosine, -1.0, 1.0))
    position, angle = position * (sim.target_position != "ignore"), angle * (sim.target_rotation != "ignore")
    success = (position < sim.distance_threshold) & (angle < sim.rotation_threshold)
    return success - np.float32(1.0) if sim.reward_type == "sparse" else -(10.0 * position + angle), success
