import gymnasium as gym
import mujoco
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from sher_rl import GoalDims, GoalNormalizer, RelayNorm, SubTask, SymmetricObjectNorm, UsageError, make_observation_norm
from sher_rl.envs.make_gym import make_gym
from sher_rl.functional.poses import pose_difference

REACH = SubTask(part=slice(1, 3), target=slice(0, 2), distance=0.1)


def test_statistics_are_of_the_goals_and_of_what_the_part_reached() -> None:
    norm = RelayNorm(3, REACH)
    observation = torch.tensor([[9.0, 1.0, 10.0], [9.0, 3.0, 30.0]])
    norm.update(observation, torch.tensor([[-1.0], [1.0]]))
    assert norm.mean.tolist() == [0.0, 2.0, 20.0]
    assert norm.std.tolist() == [1.0, 1.0, 10.0]


def test_no_goal_is_0_whatever_the_statistics_are() -> None:
    norm = RelayNorm(3, REACH)
    norm.update(torch.full((2, 3), 4.0), torch.tensor([[3.0], [5.0]]))
    goals = torch.tensor([[6.0, torch.nan, torch.nan], [torch.nan, 4.0, 4.0]])
    assert norm(torch.zeros(2, 3), goals).tolist() == [[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    assert norm(torch.zeros(1, 3), goals[:1, :1]).tolist() == [[2.0, 0.0, 0.0]]


def test_a_norm_that_only_acts_takes_no_statistics() -> None:
    with pytest.raises(UsageError, match="sub_task is None"):
        RelayNorm(3).update(torch.zeros(1, 3), torch.zeros(1, 1))


SYMMETRIC = {
    "HandManipulateBlock-v1": [Rotation.from_euler("xyz", [np.pi / 2, np.pi, -np.pi / 2])],
    "HandManipulateEgg-v1": [Rotation.from_euler("z", 1.1), Rotation.from_euler("xz", [np.pi, 0.4])],
    "HandManipulatePen-v1": [Rotation.from_euler("z", 1.1)],
}


def observations(env: gym.Env, turn: Rotation) -> tuple[torch.Tensor, torch.Tensor]:
    """Observations and goals of ten steps, after the object and its goal were turned about their own axes."""
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        env.step(rng.uniform(-1, 1, 20).astype(np.float32))
    sim = env.unwrapped
    joint = sim.model.joint("object:joint")
    quaternion = sim.data.qpos[joint.qposadr[0] + 3 :][:4]
    rate = sim.data.qvel[joint.dofadr[0] + 3 :][:3]
    rate[:] = turn.inv().apply(rate)
    for rotation in (quaternion, sim.goal[3:]):
        turned = Rotation.from_quat(np.roll(rotation, -1)) * turn
        rotation[:] = np.roll(turned.as_quat(), 1)
    mujoco.mj_forward(sim.model, sim.data)
    steps = [env.step(rng.uniform(-1, 1, 20).astype(np.float32))[0] for _ in range(10)]
    return tuple(torch.from_numpy(np.stack([step[key] for step in steps])) for key in ("observation", "desired_goal"))


@pytest.mark.parametrize(("env_id", "turn"), [(env_id, turn) for env_id, turns in SYMMETRIC.items() for turn in turns])
def test_a_hand_acts_on_a_symmetric_object_as_the_networks_see_it(env_id: str, turn: Rotation) -> None:
    """MuJoCo goes on in the same way if the object is turned by a symmetric rotation, and the norm sees the same."""
    env = make_gym(env_id)
    norm = make_observation_norm(env_id, 61).double()
    before, goals = observations(env, Rotation.identity())
    after, turned_goals = observations(env, turn)
    other, _ = observations(env, Rotation.from_euler("x", 1.0))
    assert (before - after).abs().max() > 0.5
    assert (norm.seen(before) - norm.seen(after)).abs().max() < 1e-3
    assert (norm.seen(before) - norm.seen(other)).abs().max() > 0.1
    if env_id != "HandManipulatePen-v1":
        ways = pose_difference(before[:, -7:], goals), pose_difference(after[:, -7:], turned_goals)
        same_rotation = torch.einsum("bi,bi->b", ways[0][:, 3:], ways[1][:, 3:]).abs()
        torch.testing.assert_close(same_rotation, torch.ones(10).double(), atol=1e-4, rtol=0)
    env.close()


def test_statistics_are_of_what_the_networks_see() -> None:
    """Two observations with the axis up and down, which the line does not tell apart."""
    norm = SymmetricObjectNorm(14, "line")
    up = torch.tensor([[7.0, *[0.0] * 3, 0.0, 0.0, 2.0, 0.1, 0.2, 0.3, 1.0, 0.0, 0.0, 0.0]])
    down = torch.tensor([[9.0, *[0.0] * 3, 0.0, 0.0, 2.0, 0.1, 0.2, 0.3, 0.0, 1.0, 0.0, 0.0]])
    norm.update(torch.cat((up, down)))
    assert norm.mean[[0, 6]].tolist() == [8.0, 0.0]
    assert norm.std[[0, 6]].tolist() == [1.0, 2.0]
    assert norm(torch.cat((up, down)))[:, [0, 6]].tolist() == [[-1.0, 1.0], [1.0, -1.0]]
    torch.testing.assert_close(norm.mean[7:], torch.tensor([0.1, 0.2, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0]))


@pytest.mark.parametrize(
    ("size", "symmetry", "sentence"),
    [
        (61, "ball", "symmetry is 'ball'; use one of axis, line, cube"),
        (12, "line", "size is 12; the object's velocity"),
    ],
)
def test_what_is_no_symmetric_object_is_refused(size: int, symmetry: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        SymmetricObjectNorm(size, symmetry)


def test_networks_are_as_wide_as_what_they_see() -> None:
    dims = GoalDims(observation=61, goal=7, action=20)
    assert GoalNormalizer(dims).dims == dims
    assert GoalNormalizer(dims, observation=SymmetricObjectNorm(61, "cube")).dims.observation == 66
