"""The Fetch arm with goals that move, as gymnasium environments (Fang et al., ICLR 2019; mengf1/DHER).

A goal moves before each action, unless the step before met it. Its speed is not observed.
"""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from gymnasium_robotics.envs.fetch.fetch_env import MujocoFetchEnv
from gymnasium_robotics.envs.fetch.push import MujocoFetchPushEnv
from gymnasium_robotics.envs.fetch.reach import MujocoFetchReachEnv
from gymnasium_robotics.utils import mujoco_utils
from numpy.typing import ArrayLike, NDArray

from sher_rl.functional.goal_motion import along_line, on_circle
from sher_rl.tasks import get_task

HEIGHT = 0.5
"""Metres, of the goals that the gripper has to reach."""
REACH_VELOCITY = np.array([0.011, 0.0, 0.0])
"""Metres a step, of DyReach's goals: away from the robot."""
FAST_VELOCITY = np.array([0.022, 0.0, 0.0])
"""Metres a step, of DyReachFast's goals."""
PUSH_VELOCITY = np.array([0.0, 0.005, 0.0])
"""Metres a step, of DyPush's goals: along the table."""
CIRCLE_CENTRE = np.array([0.8, 0.5])
"""Metres, about which the centres of DyCircle's circles lie."""
CIRCLE_RADIUS = 0.1


class MovingGoal(MujocoFetchEnv):
    """A Fetch environment whose goal moves; the goal that is judged by, and observed after a step, is the moved one."""

    goal: NDArray[Any]
    """Where the goal is, in metres, ``(3,)``."""
    velocity: NDArray[Any] = np.zeros(3)
    """Metres a step, of a goal that moves on a straight line."""
    goal_path: NDArray[Any] = np.empty(0)
    """What the way of the goal depends on beside its place, as numbers that a checkpoint holds."""
    _met = False

    def move_goal(self) -> None:
        """Put the goal where it is a step later: further on its line."""
        self.goal = along_line(self.goal, self.velocity)

    def step(self, action: NDArray[Any]) -> tuple[Any, ...]:
        """Move the goal, unless the last step met it, and then act."""
        if not self._met:
            self.move_goal()
        result = super().step(action)
        self._met = bool(result[-1]["is_success"])
        return result

    def reset(self, **kwargs: Any) -> tuple[Any, ...]:
        """Begin an episode with another goal."""
        self._met = False
        return super().reset(**kwargs)


class DyReach(MovingGoal, MujocoFetchReachEnv):
    """The gripper has to reach a goal that moves on a straight line, by ``velocity`` metres a step."""

    def __init__(self, reward_type: str = "sparse", velocity: ArrayLike = REACH_VELOCITY, **kwargs: Any) -> None:
        super().__init__(reward_type=reward_type, **kwargs)
        self.velocity = np.asarray(velocity, dtype=np.float64)
        self.distance_threshold = get_task("DyReach-v0").goal.distance
        self.target_range = 0.1

    def _sample_goal(self) -> NDArray[Any]:
        goal = super()._sample_goal()
        goal[2] = HEIGHT
        return goal


class DyReachFast(DyReach):
    """DyReach with goals of twice the speed, which is not a published task: who aims at where they are meets none."""

    def __init__(self, reward_type: str = "sparse", velocity: ArrayLike = FAST_VELOCITY, **kwargs: Any) -> None:
        super().__init__(reward_type, velocity, **kwargs)


class DyCircle(MovingGoal, MujocoFetchReachEnv):
    """The gripper has to reach a goal that moves in a circle, of another centre, phase and speed in each episode."""

    def __init__(self, reward_type: str = "sparse", **kwargs: Any) -> None:
        super().__init__(reward_type=reward_type, **kwargs)
        self.distance_threshold = get_task("DyCircle-v0").goal.distance
        self.goal_path = np.zeros(4)  # the centre's x and y, angle, radians a step

    def move_goal(self) -> None:
        """Put the goal a step further on its circle."""
        x, y, angle, speed = self.goal_path
        self.goal_path = np.array([x, y, angle + speed, speed])
        self.goal = self._place()

    def _sample_goal(self) -> NDArray[Any]:
        centre = CIRCLE_CENTRE + self.np_random.uniform(-0.05, 0.05, size=2)
        angle = self.np_random.uniform(0.0, 2 * np.pi)
        speed = self.np_random.uniform(0.005, 0.012)
        self.goal_path = np.array([*centre, angle, speed])
        return self._place()

    def _place(self) -> NDArray[Any]:
        x, y, angle, _ = self.goal_path
        return on_circle(np.array([x, y, HEIGHT]), CIRCLE_RADIUS, angle)


class DyPush(MovingGoal, MujocoFetchPushEnv):
    """The box has to be pushed to a goal that moves along the table, by ``velocity`` metres a step."""

    def __init__(self, reward_type: str = "sparse", velocity: ArrayLike = PUSH_VELOCITY, **kwargs: Any) -> None:
        super().__init__(reward_type=reward_type, **kwargs)
        self.velocity = np.asarray(velocity, dtype=np.float64)
        self.distance_threshold = get_task("DyPush-v0").goal.distance

    def _reset_sim(self) -> bool:
        done = super()._reset_sim()
        offset = np.array([0.1, self.np_random.uniform(-self.obj_range, self.obj_range)])
        pose = mujoco_utils.get_joint_qpos(self.model, self.data, "object0:joint")
        pose[:2] = self.initial_gripper_xpos[:2] + offset
        mujoco_utils.set_joint_qpos(self.model, self.data, "object0:joint", pose)
        mujoco.mj_forward(self.model, self.data)
        return done
