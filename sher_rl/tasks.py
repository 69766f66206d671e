"""What is known of each task: the paper's eight, with gymnasium-robotics' numbers, and those whose goals move."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping
from typing import Literal

from sher_rl.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class PointGoal:
    """A goal that is a position, or several side by side, met within a Euclidean distance."""

    distance: float
    """Metres below which the goal is met."""


Symmetry = Literal["axis", "line", "cube"]
"""What tells an object's rotations apart: its z axis with its direction, that axis without, or a cube's three axes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PoseGoal:
    """A goal that is a pose, position and quaternion (w, x, y, z): seven numbers, met in position and in rotation."""

    distance: float
    """Metres below which the position is met."""
    angle: float
    """Radians below which the rotation is met."""
    free_spin: bool
    """Whether the rotation about the goal's z axis does not count."""
    symmetry: Symmetry
    """Of the object's shape, and of what counts: rotations that it has in common are one to physics and rewards."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """A Fetch or Hand task."""

    env_id: str
    """gymnasium id of the task with sparse rewards."""
    goal: PointGoal | PoseGoal
    """What meets a goal, with gymnasium-robotics' thresholds."""
    episode_steps: int
    """Steps after which gymnasium-robotics ends an episode."""
    cycles_per_epoch: int
    """Cycles between two evaluations in openai/baselines (her/experiment/config.py)."""
    max_energy_gain: float | None
    """EBP's bound E_max on what one step counts, in joules (arXiv:1810.01363); None where no object moves."""
    paper_delta_s: Mapping[str, float]
    """δS in Table 1 of arXiv:2002.02089, by method: ``her``, ``cher`` and ``sher``; empty for tasks it has not."""
    goal_moves: bool = False
    """Whether the goal moves during an episode, which then succeeds if the goal is met at any step, not at the last."""

    @property
    def dense_id(self) -> str:
        """gymnasium id of the task's variant whose reward is minus a distance."""
        return self.env_id.replace("-", "Dense-")

    @property
    def name(self) -> str:
        """The short name; see :func:`task_name`."""
        return task_name(self.env_id)

    @property
    def title(self) -> str:
        """The name that tables and pictures show: the id without its version."""
        return self.env_id.partition("-")[0]


RECORDS = (
    Task(
        env_id="FetchReach-v4",
        goal=PointGoal(distance=0.05),
        episode_steps=50,
        cycles_per_epoch=10,
        max_energy_gain=None,
        paper_delta_s={"her": 0.021, "cher": 0.018, "sher": 0.011},
    ),
    Task(
        env_id="FetchPush-v4",
        goal=PointGoal(distance=0.05),
        episode_steps=50,
        cycles_per_epoch=50,
        max_energy_gain=math.inf,
        paper_delta_s={"her": 0.035, "cher": 0.022, "sher": 0.014},
    ),
    Task(
        env_id="FetchSlide-v4",
        goal=PointGoal(distance=0.05),
        episode_steps=50,
        cycles_per_epoch=50,
        max_energy_gain=math.inf,
        paper_delta_s={"her": 0.218, "cher": 0.153, "sher": 0.116},
    ),
    Task(
        env_id="FetchPickAndPlace-v4",
        goal=PointGoal(distance=0.05),
        episode_steps=50,
        cycles_per_epoch=50,
        max_energy_gain=0.5,
        paper_delta_s={"her": 0.156, "cher": 0.141, "sher": 0.079},
    ),
    Task(
        env_id="HandReach-v3",
        goal=PointGoal(distance=0.01),
        episode_steps=50,
        cycles_per_epoch=50,
        max_energy_gain=None,
        paper_delta_s={"her": 0.195, "cher": 0.174, "sher": 0.137},
    ),
    Task(
        env_id="HandManipulateBlock-v1",
        goal=PoseGoal(distance=0.01, angle=0.1, free_spin=False, symmetry="cube"),
        episode_steps=100,
        cycles_per_epoch=50,
        max_energy_gain=2.5,
        paper_delta_s={"her": 0.152, "cher": 0.081, "sher": 0.093},
    ),
    Task(
        env_id="HandManipulateEgg-v1",
        goal=PoseGoal(distance=0.01, angle=0.1, free_spin=False, symmetry="line"),
        episode_steps=100,
        cycles_per_epoch=50,
        max_energy_gain=2.5,
        paper_delta_s={"her": 0.145, "cher": 0.109, "sher": 0.098},
    ),
    Task(
        env_id="HandManipulatePen-v1",
        goal=PoseGoal(distance=0.05, angle=0.1, free_spin=True, symmetry="axis"),
        episode_steps=100,
        cycles_per_epoch=50,
        max_energy_gain=2.5,
        paper_delta_s={"her": 0.074, "cher": 0.066, "sher": 0.059},
    ),
)
MOVING_RECORDS = (
    Task(
        env_id="DyReach-v0",
        goal=PointGoal(distance=0.01),
        episode_steps=50,
        cycles_per_epoch=50,
        max_energy_gain=None,
        paper_delta_s={},
        goal_moves=True,
    ),
    Task(
        env_id="DyReachFast-v0",
        goal=PointGoal(distance=0.01),
        episode_steps=50,
        cycles_per_epoch=50,
        max_energy_gain=None,
        paper_delta_s={},
        goal_moves=True,
    ),
    Task(
        env_id="DyCircle-v0",
        goal=PointGoal(distance=0.01),
        episode_steps=50,
        cycles_per_epoch=50,
        max_energy_gain=None,
        paper_delta_s={},
        goal_moves=True,
    ),
    Task(
        env_id="DyPush-v0",
        goal=PointGoal(distance=0.01),
        episode_steps=50,
        cycles_per_epoch=50,
        max_energy_gain=math.inf,
        paper_delta_s={},
        goal_moves=True,
    ),
)
"""Tasks whose goals move: the Fetch arm as in mengf1/DHER (Fang et al., ICLR 2019), and a fast one of our own."""
TASKS = tuple(task.env_id for task in RECORDS)
"""Environment ids of the paper's eight tasks, sparse reward. ``FetchPushDense-v4`` and the like exist too."""


def find_task(env_id: str) -> Task | None:
    """The record of a task, also for the id of its variant with dense rewards; None for any other environment.

    >>> find_task("FetchPushDense-v4").env_id
    'FetchPush-v4'
    >>> find_task("PointMaze_UMaze-v3")
    """
    return next((task for task in _all_records() if env_id in (task.env_id, task.dense_id)), None)


def goal_moves(env_id: str) -> bool:
    """Whether the goals of an environment are known to move during an episode.

    >>> goal_moves("DyReach-v0"), goal_moves("FetchReach-v4"), goal_moves("PointMaze_UMaze-v3")
    (True, False, False)
    """
    task = find_task(env_id)
    return task is not None and task.goal_moves


def get_task(env_id: str) -> Task:
    """As :func:`find_task`, for what only the tasks of this package can do.

    Raises:
        UsageError: the id is retired, or of no such task.

    >>> get_task("HandReach-v3").episode_steps
    50
    """
    check_env_id(env_id)
    task = find_task(env_id)
    if task is None:
        raise UsageError(f"env_id {env_id!r} is no task of this package; known are {', '.join(TASKS)}.")
    return task


def check_env_id(env_id: str) -> None:
    """Refuse retired versions of the Fetch and Hand tasks, naming the id to use.

    Raises:
        UsageError: the id is one of them.

    >>> check_env_id("FetchPush-v1")
    Traceback (most recent call last):
    sher_rl.errors.UsageError: env_id 'FetchPush-v1' is not maintained; use 'FetchPush-v4'.
    """
    name, _, version = env_id.rpartition("-v")
    if not version.isdecimal():
        return
    for current in _all_ids():
        if current.startswith(f"{name}-v") and current != env_id:
            raise UsageError(f"env_id {env_id!r} is not maintained; use {current!r}.")


def _all_records() -> tuple[Task, ...]:
    return (*RECORDS, *MOVING_RECORDS)


def _all_ids() -> Iterator[str]:
    for task in _all_records():
        yield task.env_id
        yield task.dense_id


def task_name(env_id: str) -> str:
    """The short name that recipes, run folders and results have, of any environment.

    >>> task_name("FetchPickAndPlace-v4"), task_name("HandManipulateEgg-v1")
    ('fetch_pick_and_place', 'hand_egg')
    """
    name = re.split(r"[:/]", env_id)[-1].partition("-")[0].replace("Manipulate", "")
    return "_".join(re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)).lower()
