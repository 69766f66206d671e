import mujoco
import pytest

from sher_rl import UsageError
from sher_rl.envs.make_gym import make_gym
from sher_rl.tasks import RECORDS, TASKS, PointGoal, PoseGoal, Task, check_env_id, find_task, get_task

PRINTED_TABLE_1 = {
    "her": (0.021, 0.035, 0.156, 0.218, 0.195, 0.145, 0.152, 0.074),
    "cher": (0.018, 0.022, 0.141, 0.153, 0.174, 0.109, 0.081, 0.066),
    "sher": (0.011, 0.014, 0.079, 0.116, 0.137, 0.098, 0.093, 0.059),
}
"""Lines of Table 1 of arXiv:2002.02089."""
PRINTED_TASKS = (
    "fetch_reach",
    "fetch_push",
    "fetch_pick_and_place",
    "fetch_slide",
    "hand_reach",
    "hand_egg",
    "hand_block",
    "hand_pen",
)
"""Its columns."""


@pytest.mark.parametrize("task", RECORDS, ids=lambda task: task.name)
def test_a_record_has_the_numbers_of_gymnasium_robotics(task: Task) -> None:
    env = make_gym(task.env_id)
    sim = env.unwrapped
    assert env.spec.max_episode_steps == task.episode_steps
    assert sim.distance_threshold == task.goal.distance
    assert hasattr(sim, "ignore_z_target_rotation") is isinstance(task.goal, PoseGoal)
    if isinstance(task.goal, PoseGoal):
        assert (sim.rotation_threshold, sim.ignore_z_target_rotation) == (task.goal.angle, task.goal.free_spin)
    env.close()


@pytest.mark.parametrize(
    ("env_id", "symmetry", "kind", "equal_sizes"),
    [
        ("HandManipulateBlock-v1", "cube", mujoco.mjtGeom.mjGEOM_BOX, [0, 1, 2]),
        ("HandManipulateEgg-v1", "line", mujoco.mjtGeom.mjGEOM_ELLIPSOID, [0, 1]),
        ("HandManipulatePen-v1", "axis", mujoco.mjtGeom.mjGEOM_CAPSULE, [0]),
    ],
)
def test_an_object_has_the_shape_of_its_symmetry(env_id: str, symmetry: str, kind: int, equal_sizes: list[int]) -> None:
    model = make_gym(env_id).unwrapped.model
    shape = model.geom("object")
    inertia = model.body("object").inertia
    assert get_task(env_id).goal.symmetry == symmetry
    assert shape.type[0] == kind
    assert len(set(shape.size[equal_sizes])) == 1
    assert inertia[0] == pytest.approx(inertia[1])


@pytest.mark.parametrize("task", RECORDS, ids=lambda task: task.name)
def test_each_task_has_a_dense_variant(task: Task) -> None:
    env = make_gym(task.dense_id)
    assert env.unwrapped.reward_type == "dense"
    assert find_task(task.dense_id) is find_task(task.env_id) is task
    env.close()


@pytest.mark.parametrize("method", PRINTED_TABLE_1)
def test_delta_s_is_that_of_the_printed_table(method: str) -> None:
    printed = dict(zip(PRINTED_TASKS, PRINTED_TABLE_1[method], strict=True))
    assert {task.name: task.paper_delta_s[method] for task in RECORDS} == printed


@pytest.mark.parametrize("env_id", ["PointMaze_UMaze-v3", "FetchPush-v3", "FetchPush", "", "not an id"])
def test_other_environments_have_no_record(env_id: str) -> None:
    assert find_task(env_id) is None


@pytest.mark.parametrize(
    ("env_id", "sentence"),
    [
        ("PointMaze_UMaze-v3", "no task of this package; known are FetchReach-v4, "),
        ("FetchPush-v3", "use 'FetchPush-v4'"),
    ],
)
def test_only_tasks_of_this_package_can_be_asked_for(env_id: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        get_task(env_id)


@pytest.mark.parametrize(
    ("env_id", "current"),
    [
        ("FetchPush-v1", "FetchPush-v4"),
        ("FetchReachDense-v2", "FetchReachDense-v4"),
        ("HandManipulateEgg-v0", "HandManipulateEgg-v1"),
        ("HandReach-v0", "HandReach-v3"),
    ],
)
def test_a_retired_id_names_the_one_to_use(env_id: str, current: str) -> None:
    with pytest.raises(UsageError, match=f"env_id '{env_id}' is not maintained; use '{current}'"):
        check_env_id(env_id)


@pytest.mark.parametrize("env_id", [*TASKS, "FetchPushDense-v4", "HandManipulateEgg_ContinuousTouchSensors-v1", "X-v0"])
def test_ids_in_use_pass(env_id: str) -> None:
    check_env_id(env_id)


def test_goals_are_points_or_poses() -> None:
    assert {type(task.goal) for task in RECORDS} == {PointGoal, PoseGoal}
