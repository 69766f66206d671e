import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torchrl.envs.utils import ExplorationType, set_exploration_type

from sher_rl import (
    GoalDims,
    PoseNorm,
    UsageError,
    load_policy,
    make_ddpg_networks,
    make_env,
    make_explorer,
    make_networks,
    make_policy,
)
from sher_rl.modules.networks import GaussianNet, RunningNorm
from sher_rl.modules.policy import save_policy

DIMS = GoalDims(observation=10, goal=3, action=4)


def states(rows: int = 64) -> dict[str, torch.Tensor]:
    return {"observation": torch.randn(rows, 10), "desired_goal": torch.randn(rows, 3)}


@pytest.fixture(params=[make_networks, make_ddpg_networks])
def policy(request):
    actor = request.param(DIMS, (32, 16))[0]
    norms = RunningNorm(10), RunningNorm(3)
    for norm, value in zip(norms, states().values(), strict=True):
        norm.update(value * 3 + 1)
    return make_policy(*norms, actor)


def test_policy_is_the_actor_behind_the_normalisers_and_shares_its_weights(policy) -> None:
    raw = states()
    net = policy.module
    with torch.no_grad():
        inputs = torch.cat((net.observation_norm(raw["observation"]), net.goal_norm(raw["desired_goal"])), -1)
        torch.testing.assert_close(policy(**raw), net.actor_net.mlp(inputs)[:, :4].tanh())
        net.actor_net.mlp[0].weight.zero_()
        net.actor_net.mlp[0].bias.zero_()
        assert policy(**raw).std(0).max() < 1e-6


def test_an_actor_from_elsewhere_is_refused() -> None:
    actor = TensorDictModule(torch.nn.Linear(13, 4), ["observation"], ["action"])
    with pytest.raises(UsageError, match="actor holds no net of this package"):
        make_policy(RunningNorm(10), RunningNorm(3), actor)


def test_a_norm_that_no_file_could_name_is_refused() -> None:
    class MyNorm(RunningNorm):
        pass

    with pytest.raises(UsageError, match="goal_norm is a MyNorm; use RunningNorm or PoseNorm"):
        make_policy(RunningNorm(10), MyNorm(3), make_networks(DIMS, (8,))[0])


def test_a_gaussian_samples_when_exploring_and_repeats_itself_when_not(policy) -> None:
    raw = states()
    assert torch.equal(policy(**raw), policy(**raw))
    with set_exploration_type(ExplorationType.RANDOM):
        samples = isinstance(policy.module.actor_net, GaussianNet)
        assert torch.equal(policy(**raw), policy(**raw)) is not samples


def test_exploration_adds_noise_then_replaces_whole_actions() -> None:
    env = make_env("FetchReach-v4", 50)
    actor, _ = make_ddpg_networks(DIMS, (8,))
    policy = make_policy(RunningNorm(10), RunningNorm(3), actor)
    td = TensorDict({"observation": torch.zeros(50, 10), "desired_goal": torch.zeros(50, 3)}, [50])
    explorer = make_explorer(policy, env, random_action=0.25, noise=0.1)
    with torch.no_grad(), set_exploration_type(ExplorationType.RANDOM):
        action = torch.cat([explorer(td)["action"] for _ in range(80)])
    random = (action.abs() > 0.5).any(-1)  # five deviations of the noise; all but 1/16 of the random ones
    assert 0.25 * 15 / 16 - 0.03 < random.float().mean() < 0.25 * 15 / 16 + 0.03
    assert 0.09 < action[~random].std() < 0.13
    with set_exploration_type(ExplorationType.RANDOM), torch.no_grad():
        assert make_explorer(policy, env, random_action=1.0, noise=5.0)(td)["action"].abs().max() <= 1


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


def test_a_policy_for_poses_sees_how_far_the_pose_is_and_is_read_back_so(tmp_path: Path) -> None:
    dims = GoalDims(observation=9, goal=7, action=4)
    policy = make_policy(RunningNorm(9), PoseNorm(), make_networks(dims, (8,))[0])
    pose = torch.tensor([0.1, 0.2, 0.3, 1.0, 0.0, 0.0, 0.0])
    start = torch.cat((torch.tensor([5.0, -5.0]), pose))
    policy.module.observation_norm.update(torch.stack((start - 1, start + 1)))
    policy.module.goal_norm.update(torch.tensor([[0.0] * 7, [0.2] * 7]))
    save_policy(tmp_path / "policy.pt", policy, "HandManipulateEgg-v1")
    net, read = policy.module.actor_net, load_policy(tmp_path)
    left = torch.tensor([0.0, 0.0, 0.2, 1.0, 0.0, 0.0, 0.0])  # what leads from the pose to one 0.2 m above
    above = pose + torch.tensor([0.0, 0.0, 0.2, 0.0, 0.0, 0.0, 0.0])
    expected = net.act(torch.zeros(9), policy.module.goal_norm(left))
    torch.testing.assert_close(policy(observation=start, desired_goal=above), expected)
    torch.testing.assert_close(read(observation=start, desired_goal=above), expected.detach())


class Evil:
    def __reduce__(self):
        return (Path("/tmp/sher_rl_was_here").touch, ())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a policy",
        {"state_dict": {}},
        {"format": "sher_rl.policy/2", "state_dict": {"a": torch.zeros(1)}, "hidden": [], "env_id": "x"},
        {"format": "sher_rl.policy/2", "actor": "Evil", "state_dict": {}, "hidden": [], "env_id": "x"},
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
    with pytest.raises(
        UsageError, match=r"format 'sher_rl\.policy/4'; known are sher_rl\.policy/2 and sher_rl\.policy/3"
    ):
        load_policy(tmp_path)
