import subprocess
import sys

import pytest
import torch
from torchrl.envs import GymEnv

from sher_rl import GoalDims, UsageError, make_ddpg_networks, make_env, make_networks

DIMS = GoalDims(observation=10, goal=3, action=4)


def states(rows: int = 64) -> dict[str, torch.Tensor]:
    return {"observation": torch.randn(rows, 10), "desired_goal": torch.randn(rows, 3)}


def test_dims_are_read_from_an_environment() -> None:
    assert GoalDims.of(make_env("FetchReach-v4")) == DIMS


def test_an_environment_without_goals_is_refused() -> None:
    with pytest.raises(UsageError, match="env has no 'desired_goal'"):
        GoalDims.of(GymEnv("Pendulum-v1"))


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


def test_the_baselines_networks_start_as_xavier_says_and_act_within_bounds() -> None:
    actor, qvalue = make_ddpg_networks(DIMS, (100, 100))
    first, second, _ = (layer for layer in qvalue.modules() if isinstance(layer, torch.nn.Linear))
    for layer, fan in ((first, 17 + 100), (second, 200)):
        bound = (6 / fan) ** 0.5
        assert 0.9 * bound < layer.weight.abs().max() <= bound
        assert not layer.bias.any()
    torch_state = torch_states() * 1e3
    assert actor(torch_state)["action"].abs().max() <= 1
    assert qvalue(torch_state)["state_action_value"].shape == (64, 1)


def test_import_needs_no_mujoco() -> None:
    code = "import sys; sys.modules['mujoco'] = None; import sher_rl; sher_rl.goal_reward('HandReach-v3')"
    subprocess.run([sys.executable, "-c", code], check=True)
