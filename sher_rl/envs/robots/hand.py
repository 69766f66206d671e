"""The Shadow hand, for all environments at once: actions in, observations and rewards out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from gymnasium_robotics.utils import rotations

from sher_rl.envs.robots.robot import Array, judge_points, rows, worlds

_FINGERS = ("ff", "mf", "rf", "lf", "th")


class Hand:
    """The Shadow hand: actions are absolute joint angles, observations are columns of the simulation's state."""

    def __init__(self, sims: Sequence[Any]) -> None:
        sim = sims[0]
        self._sim = sim
        self._worlds = worlds(sims)
        self.signature = int(mujoco.mjtState.mjSTATE_CTRL)
        low, high = sim.model.actuator_ctrlrange.T
        self._low = low
        self._high = high
        self._middle = (high + low) / 2.0
        self._reach = (high - low) / 2.0
        self._state = [view for sim in sims for view in (sim.data.qpos, sim.data.qvel, sim.data.site_xpos.reshape(-1))]
        self._has_object = hasattr(sim, "target_rotation")
        speed, self._goal = _object_columns(sim.model) if self._has_object else _fingertip_columns(sim.model)
        self._observation = np.concatenate((*_joint_columns(sim), speed, self._goal)).astype(int)

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
        state = rows(self._state, len(self._worlds))
        return state.take(self._observation, 1), state.take(self._goal, 1)

    def judge(self, achieved: Array, desired: Array) -> tuple[Array, Array]:
        """Distance of the fingertips, or of the object's pose."""
        judge = judge_poses if self._has_object else judge_points
        return judge(self._sim, achieved, desired)


def _joint_columns(sim: Any) -> tuple[list[int], list[int]]:
    """Where the state has the angles and the speeds of the robot's joints."""
    joints = [joint for joint in map(sim.model.joint, range(sim.model.njnt)) if joint.name.startswith("robot")]
    angles = [joint.qposadr[0] for joint in joints]
    speeds = [sim.model.nq + joint.dofadr[0] for joint in joints]
    return angles, speeds


def _object_columns(model: Any) -> tuple[Array, Array]:
    """Where the state has the object's speed and its pose."""
    joint = model.joint("object:joint")
    speed = model.nq + joint.dofadr[0] + np.arange(6)
    pose = joint.qposadr[0] + np.arange(7)
    return speed, pose


def _fingertip_columns(model: Any) -> tuple[Array, Array]:
    """Where the state has the fingertips' speed, which is not observed, and their positions."""
    tips = np.array([model.site(f"robot0:S_{finger}tip").id for finger in _FINGERS])
    positions = model.nq + model.nv + 3 * tips[:, None] + np.arange(3)
    return np.empty(0), positions.reshape(-1)


def judge_poses(sim: Any, achieved: Array, desired: Array) -> tuple[Array, Array]:
    """gymnasium-robotics' distance of poses, whose own batched form is wrong where spin about z is free."""
    distance = np.linalg.norm(achieved[:, :3] - desired[:, :3], axis=-1) * (sim.target_position != "ignore")
    angle = _angle(sim, achieved[:, 3:], desired[:, 3:]) * (sim.target_rotation != "ignore")
    success = (distance < sim.distance_threshold) & (angle < sim.rotation_threshold)
    if sim.reward_type == "sparse":
        return success - np.float32(1.0), success
    return -(10.0 * distance + angle), success


def _angle(sim: Any, achieved: Array, desired: Array) -> Array:
    """Radians between quaternions ``(n, 4)``."""
    if sim.ignore_z_target_rotation:
        euler = rotations.quat2euler(achieved)
        euler[:, 2] = rotations.quat2euler(desired)[:, 2]
        achieved = rotations.euler2quat(euler)
    cosine = rotations.quat_mul(achieved, rotations.quat_conjugate(desired))[:, 0]
    return 2 * np.arccos(np.clip(cosine, -1.0, 1.0))
