import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tensordict import TensorDict
from torchrl.envs.utils import ExplorationType, set_exploration_type

from sher_rl import (
    FreeSpinPoseNorm,
    GoalDims,
    GoalNormalizer,
    PoseNorm,
    SymmetricObjectNorm,
    UsageError,
    load_policy,
    make_ddpg_networks,
    make_networks,
    make_policy,
    pretrained,
)
from sher_rl.envs.make_gym import make_gym
from sher_rl.modules.norms import GoalNorm, ObservationNorm
from sher_rl.modules.policy_file import POLICY_FORMAT, save_policy
from sher_rl.tasks import Symmetry

DIMS = GoalDims(observation=10, goal=3, action=4)


def states(rows: int = 64) -> dict[str, torch.Tensor]:
    return {"observation": torch.randn(rows, 10), "desired_goal": torch.randn(rows, 3)}


@pytest.fixture(params=[make_networks, make_ddpg_networks])
def policy(request):
    norms = ObservationNorm(10), GoalNorm(3)
    for norm, value in zip(norms, states().values(), strict=True):
        norm.add(value * 3 + 1)
    return make_policy(*norms, request.param(DIMS, (32, 16))[0])


def test_saved_policy_acts_the_same_in_a_process_without_mujoco(policy, tmp_path: Path) -> None:
    save_policy(tmp_path / "policy.pt", policy, "FetchReach-v4")
    raw = states()
    torch.save((raw, policy(**raw).detach()), tmp_path / "expected.pt")
    code = f"""
import sys
for module in ("mujoco", "gymnasium", "gymnasium_robotics"):
    sys.modules[module] = None
import torch, sher_rl
raw, expected = torch.load({str(tmp_path / "expected.pt")!r})
policy = sher_rl.load_policy({str(tmp_path)!r})
assert policy.env_id == "FetchReach-v4"
assert torch.equal(policy(**raw), expected)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert [p.name for p in tmp_path.iterdir() if "part" in p.name] == []


@pytest.mark.parametrize("kind", [PoseNorm, FreeSpinPoseNorm])
def test_a_policy_for_poses_sees_how_far_the_pose_is_and_is_read_back_so(kind: type[PoseNorm], tmp_path: Path) -> None:
    dims = GoalDims(observation=9, goal=7, action=4)
    policy = make_policy(ObservationNorm(9), kind(), make_networks(dims, (8,))[0])
    pose = torch.tensor([0.1, 0.2, 0.3, 1.0, 0.0, 0.0, 0.0])
    start = torch.cat((torch.tensor([5.0, -5.0]), pose))
    policy.module.observation_norm.update(torch.stack((start - 1, start + 1)))
    policy.module.goal_norm.add(torch.tensor([[0.0] * 7, [0.2] * 7]))
    save_policy(tmp_path / "policy.pt", policy, "HandManipulateEgg-v1")
    net, read = policy.module.actor_net, load_policy(tmp_path)
    assert type(read.module.goal_norm) is kind
    left = torch.tensor([0.0, 0.0, 0.2, 1.0, 0.0, 0.0, 0.0])  # what leads from the pose to one 0.2 m above
    above = pose + torch.tensor([0.0, 0.0, 0.2, 0.0, 0.0, 0.0, 0.0])
    expected = net.act(torch.zeros(9), policy.module.goal_norm.normalize(left))
    torch.testing.assert_close(policy(observation=start, desired_goal=above), expected)
    torch.testing.assert_close(read(observation=start, desired_goal=above), expected.detach())


@pytest.mark.parametrize("symmetry", ["axis", "line", "cube"])
def test_a_policy_for_a_symmetric_object_is_read_back_so(symmetry: Symmetry, tmp_path: Path) -> None:
    normalizer = GoalNormalizer(GoalDims(14, 7, 4), PoseNorm(), SymmetricObjectNorm(14, symmetry))
    actor = make_networks(normalizer.dims, (8,))[0]
    policy = make_policy(normalizer.observation, normalizer.goal, actor)
    save_policy(tmp_path / "policy.pt", policy, "HandManipulateEgg-v1")
    raw = {"observation": torch.randn(5, 14), "desired_goal": torch.randn(5, 7)}
    read = load_policy(tmp_path)
    assert read.module.observation_norm.symmetry == symmetry
    assert torch.equal(read(**raw), policy(**raw).detach())


class Evil:
    def __reduce__(self):
        return (Path("/tmp/sher_rl_was_here").touch, ())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a policy",
        {"state_dict": {}},
        {"format": "sher_rl.policy/3", "state_dict": {"a": torch.zeros(1)}, "hidden": [], "env_id": "x"},
        {"format": "sher_rl.policy/3", "actor": "Evil", "state_dict": {}, "hidden": [], "env_id": "x"},
        [1, 2],
        {"format": Evil()},
    ],
)
def test_files_that_are_no_policy_get_one_sentence(content, tmp_path: Path) -> None:
    path = tmp_path / "policy.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(UsageError, match="holds no policy that save_policy wrote"):
        load_policy(path)
    assert not Path("/tmp/sher_rl_was_here").exists()


def test_a_policy_file_names_no_module(policy, tmp_path: Path) -> None:
    save_policy(tmp_path / "policy.pt", policy, "my_tasks:Puck-v0")
    assert load_policy(tmp_path).env_id == "Puck-v0"
    with pytest.raises(UsageError, match="env_id is 'a puck'"):
        save_policy(tmp_path / "policy.pt", policy, "a puck")


def test_a_truncated_policy_gets_one_sentence(policy, tmp_path: Path) -> None:
    save_policy(tmp_path / "policy.pt", policy, "FetchReach-v4")
    whole = (tmp_path / "policy.pt").read_bytes()
    (tmp_path / "policy.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match="holds no policy"):
        load_policy(tmp_path)


def test_missing_and_future_files_are_named(policy, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no file; give a policy\.pt or the run folder"):
        load_policy(tmp_path / "nothing")
    save_policy(tmp_path / "policy.pt", policy, "FetchReach-v4")
    saved = torch.load(tmp_path / "policy.pt")
    torch.save(saved | {"format": "sher_rl.policy/4"}, tmp_path / "policy.pt")
    with pytest.raises(UsageError, match=r"format 'sher_rl\.policy/4'; this version reads sher_rl\.policy/3"):
        load_policy(tmp_path)


@pytest.mark.parametrize("task", ["FetchPickAndPlace", "FetchPush", "FetchReach", "HandManipulateEgg"])
def test_each_pretrained_policy_is_of_the_present_format(task: str) -> None:
    assert torch.load(pretrained(task), weights_only=True)["format"] == POLICY_FORMAT
    assert load_policy(pretrained(task)).env_id.startswith(task)


@pytest.fixture(scope="module")
def reach():
    return load_policy(pretrained("FetchReach"))


def test_a_loaded_policy_acts_in_plain_gymnasium(reach) -> None:
    env = make_gym(reach.env_id)
    successes = []
    for seed in range(50_000, 50_005):
        observation, _ = env.reset(seed=seed)
        over = False
        while not over:
            observation, _, _, over, info = env.step(reach(observation))
        successes.append(info["is_success"])
    assert successes == [1.0] * 5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [(), (1,), (7,)])
def test_it_takes_the_observations_dictionary_single_and_batched(reach, dtype, batch: tuple[int, ...]) -> None:
    draw = np.random.default_rng(0)
    observation = {"observation": draw.normal(size=(*batch, 10)).astype(dtype), "achieved_goal": np.zeros((*batch, 3))}
    observation["desired_goal"] = draw.normal(size=(*batch, 3)).astype(dtype)
    action = reach(observation)
    assert (type(action), action.dtype, action.shape) == (np.ndarray, np.float32, (*batch, 4))
    tensors = {key: torch.tensor(observation[key]).float() for key in ("observation", "desired_goal")}
    np.testing.assert_array_equal(action, reach(**tensors))
    with set_exploration_type(ExplorationType.RANDOM):
        np.testing.assert_array_equal(reach(observation), action)  # a dictionary gets the deterministic action


def test_as_a_module_it_takes_numpy_and_float64(reach) -> None:
    raw = states(5)
    expected = reach(**raw)
    assert torch.equal(reach(**{key: value.double() for key, value in raw.items()}), expected)
    assert torch.equal(reach(**{key: value.numpy() for key, value in raw.items()}), expected)
    assert torch.equal(reach(TensorDict(raw, [5]))["action"], expected)


@pytest.mark.parametrize("key", ["observation", "desired_goal"])
def test_an_observation_without_a_goal_gets_one_sentence(reach, key: str) -> None:
    observation = {"observation": np.zeros(10), "desired_goal": np.zeros(3)}
    del observation[key]
    with pytest.raises(UsageError, match=f"The observation lacks '{key}'"):
        reach(observation)
