import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torchrl.envs.utils import ExplorationType, set_exploration_type

from sher_rl import GoalDims, UsageError, load_policy, make_env, make_networks, make_policy
from sher_rl.modules import RunningNorm, save_policy

DIMS = GoalDims(observation=10, goal=3, action=4)


def states(rows: int = 64) -> dict[str, torch.Tensor]:
    return {"observation": torch.randn(rows, 10), "desired_goal": torch.randn(rows, 3)}


@pytest.fixture
def policy():
    actor, _, _ = make_networks(DIMS, (32, 16))
    norms = RunningNorm(10), RunningNorm(3)
    for norm, value in zip(norms, states().values(), strict=True):
        norm.update(value * 3 + 1)
    return make_policy(*norms, actor)


def test_running_norm_is_that_of_all_data_so_far() -> None:
    norm, rng = RunningNorm(2), np.random.default_rng(0)
    data = rng.normal(5.0, [2.0, 1e-4], size=(500, 2)).astype(np.float32)
    data[0, 0] = 1e6  # counts as 200
    for part in np.split(data, 5):
        norm.update(torch.tensor(part))
    clipped = np.clip(data.astype(np.float64), -200, 200)
    np.testing.assert_allclose(norm.mean, clipped.mean(0), rtol=1e-6)
    np.testing.assert_allclose(norm.std, [clipped[:, 0].std(), 0.01], rtol=1e-5)
    expected = np.clip((np.clip(data, -200, 200) - norm.mean.numpy()) / norm.std.numpy(), -5, 5)
    np.testing.assert_allclose(norm(torch.tensor(data)), expected, rtol=1e-5)


def test_running_norm_takes_any_leading_shape() -> None:
    flat, shaped, data = RunningNorm(3), RunningNorm(3), torch.randn(4, 5, 3)
    flat.update(data.reshape(-1, 3))
    shaped.update(data)
    torch.testing.assert_close(shaped(data), flat(data))


def test_dims_are_read_from_an_environment() -> None:
    assert GoalDims.of(make_env("FetchReach-v4")) == DIMS


def test_the_actor_starts_near_unit_scale() -> None:
    actor, _, _ = make_networks(DIMS)
    dist = actor.get_dist(actor(torch_states()))
    assert 0.8 < dist.base_dist.base_dist.scale.mean() < 1.2


def torch_states():
    from tensordict import TensorDict

    return TensorDict(states(), [64])


def test_networks_have_the_widths_asked_for() -> None:
    actor, qvalue, value = make_networks(DIMS, (7, 9))
    widths = [[p.shape[0] for n, p in net.named_parameters() if n.endswith("weight")] for net in (actor, qvalue, value)]
    assert widths == [[7, 9, 8], [7, 9, 1], [7, 9, 1]]


def test_policy_is_the_actor_behind_the_normalisers_and_shares_its_weights(policy) -> None:
    raw = states()
    net = policy.module
    with torch.no_grad():
        loc, _ = net.actor_net(net.observation_norm(raw["observation"]), net.goal_norm(raw["desired_goal"]))
        torch.testing.assert_close(policy(**raw), loc.tanh())
        net.actor_net.mlp[0].weight.zero_()
        net.actor_net.mlp[0].bias.zero_()
        assert policy(**raw).std(0).max() < 1e-6


def test_policy_samples_when_exploring_and_repeats_itself_when_not(policy) -> None:
    raw = states()
    assert torch.equal(policy(**raw), policy(**raw))
    with set_exploration_type(ExplorationType.RANDOM):
        assert not torch.equal(policy(**raw), policy(**raw))


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


class Evil:
    def __reduce__(self):
        return (Path("/tmp/sher_rl_was_here").touch, ())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a policy",
        {"state_dict": {}},
        {"format": "sher_rl.policy/1", "state_dict": {"a": torch.zeros(1)}, "hidden": [], "env_id": "x"},
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
    torch.save(saved | {"format": "sher_rl.policy/2"}, tmp_path / "policy.pt")
    with pytest.raises(UsageError, match=r"format 'sher_rl\.policy/2'; known is 'sher_rl\.policy/1'"):
        load_policy(tmp_path)


def test_import_needs_no_mujoco() -> None:
    code = "import sys; sys.modules['mujoco'] = None; import sher_rl; sher_rl.goal_reward('HandReach-v3')"
    subprocess.run([sys.executable, "-c", code], check=True)
