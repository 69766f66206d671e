"""The Fetch arm, for all environments at once: actions in, observations and rewards out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from gymnasium_robotics.utils import rotations

from sher_rl.envs.robots.robot import Array, judge_points, rows, worlds

_SET = mujoco.mjtState.mjSTATE_CTRL | mujoco.mjtState.mjSTATE_MOCAP_POS | mujoco.mjtState.mjSTATE_MOCAP_QUAT
_FINGER = "robot0:r_gripper_finger_joint"
"""Joint of the right finger; the left one's follows it."""


class Fetch:
    """The Fetch arm: its gripper follows a mocap body, whose displacement is the action."""

    def __init__(self, sims: Sequence[Any]) -> None:
        sim = sims[0]
        self._sim = sim
        self._worlds = worlds(sims)
        self.signature = int(_SET)
        self._period = sim.n_substeps * sim.model.opt.timestep
        self._view_fingers(sims)
        self._view_poses(sims)

    def _view_fingers(self, sims: Sequence[Any]) -> None:
        model = self._sim.model
        joint = model.joint(_FINGER)
        qpos = slice(joint.qposadr[0], joint.qposadr[0] + 2)
        self._finger_speed = slice(joint.dofadr[0], joint.dofadr[0] + 2)
        self._fingers = [sim.data.qpos[qpos] for sim in sims]
        driven = model.jnt_qposadr[model.actuator_trnid[:, 0]]
        self._driven = [sim.data.qpos[address : address + 1] for sim in sims for address in driven]

    def _view_poses(self, sims: Sequence[Any]) -> None:
        model = self._sim.model
        hand = model.eq_obj2id[0]
        self._hand = [view for sim in sims for view in (sim.data.xpos[hand], sim.data.xquat[hand])]
        names = ("robot0:grip", "object0") if self._sim.has_object else ("robot0:grip",)
        self._sites = [model.site(name).id for name in names]
        self._poses = [
            view for sim in sims for s in self._sites for view in (sim.data.site_xpos[s], sim.data.site_xmat[s])
        ]
        self._speeds = [sim.data.qvel for sim in sims]
        self._jacobians = np.zeros((len(sims), 2 * len(self._sites), 3, model.nv))

    def controls(self, actions: Array) -> Array:
        """Gripper targets (those of unblocked grippers), then the pose of the mocap body."""
        hand = rows(self._hand, len(actions))
        target = hand[:, :3] + actions[:, :3] * 0.05
        parts = [target, hand[:, 3:] + (1.0, 0.0, 1.0, 0.0)]
        if not self._sim.block_gripper:
            parts.insert(0, rows(self._driven, len(actions)) + actions[:, 3:])
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
        qvel = rows(self._speeds, n)
        fingers = rows(self._fingers, n)
        finger_speed = qvel[:, self._finger_speed] * self._period
        velocity = (self._jacobians @ qvel[:, None, :, None])[..., 0] * self._period
        poses = rows(self._poses, n)
        grip = poses[:, :3]
        grip_velocity = velocity[:, 0]
        if len(self._sites) == 1:
            return np.concatenate((grip, fingers, grip_velocity, finger_speed), 1), grip
        thing = poses[:, 12:15]
        turn = rotations.mat2euler(poses[:, 15:].reshape(n, 3, 3))
        moving = (turn, velocity[:, 2] - grip_velocity, velocity[:, 3], grip_velocity, finger_speed)
        return np.concatenate((grip, thing, thing - grip, fingers, *moving), 1), thing

    def judge(self, achieved: Array, desired: Array) -> tuple[Array, Array]:
        """Distance of the points."""
        return judge_points(self._sim, achieved, desired)
