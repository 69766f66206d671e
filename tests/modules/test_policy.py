import pytest
import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torchrl.envs.utils import ExplorationType, set_exploration_type

from sher_rl import (
    GoalDims,
    UsageError,
    make_ddpg_networks,
    make_env,
    make_explorer,
    make_networks,
    make_policy,
)
from sher_rl.modules.networks import GaussianNet
from sher_rl.modules.norms import GoalNorm, ObservationNorm

DIMS = GoalDims(observation=10, goal=3, action=4)


def states(rows: int = 64) -> dict[str, torch.Tensor]:
    return {"observation": torch.randn(rows, 10), "desired_goal": torch.randn(rows, 3)}


@pytest.fixture(params=[make_networks, make_ddpg_networks])
def policy(request):
    norms = ObservationNorm(10), GoalNorm(3)
    for norm, value in zip(norms, states().values(), strict=True):
        norm.add(value * 3 + 1)
    return make_policy(*norms, request.param(DIMS, (32, 16))[0])


def test_policy_is_the_actor_behind_the_normalisers_and_shares_its_weights(policy) -> None:
    raw = states()
    net = policy.module
    with torch.no_grad():
        inputs = torch.cat((net.observation_norm(raw["observation"]), net.goal_norm(**raw)), -1)
        torch.testing.assert_close(policy(**raw), net.actor_net.mlp(inputs)[:, :4].tanh())
        net.actor_net.mlp[0].weight.zero_()
        net.actor_net.mlp[0].bias.zero_()
        assert policy(**raw).std(0).max() < 1e-6


def test_an_actor_from_elsewhere_is_refused() -> None:
    actor = TensorDictModule(torch.nn.Linear(13, 4), ["observation"], ["action"])
    with pytest.raises(UsageError, match="actor holds no net of this package"):
        make_policy(ObservationNorm(10), GoalNorm(3), actor)


def test_a_norm_that_no_file_could_name_is_refused() -> None:
    class MyNorm(GoalNorm):
        pass

    with pytest.raises(UsageError, match="goal_norm is a MyNorm; use one of GoalNorm, PoseNorm"):
        make_policy(ObservationNorm(10), MyNorm(3), make_networks(DIMS, (8,))[0])


def test_a_gaussian_samples_when_exploring_and_repeats_itself_when_not(policy) -> None:
    raw = states()
    assert torch.equal(policy(**raw), policy(**raw))
    with set_exploration_type(ExplorationType.RANDOM):
        samples = isinstance(policy.module.actor_net, GaussianNet)
        assert torch.equal(policy(**raw), policy(**raw)) is not samples


def test_exploration_adds_noise_then_replaces_whole_actions() -> None:
    env = make_env("FetchReach-v4", 50)
    actor, _ = make_ddpg_networks(DIMS, (8,))
    policy = make_policy(ObservationNorm(10), GoalNorm(3), actor)
    td = TensorDict({"observation": torch.zeros(50, 10), "desired_goal": torch.zeros(50, 3)}, [50])
    explorer = make_explorer(policy, env, random_action=0.25, noise=0.1)
    with torch.no_grad(), set_exploration_type(ExplorationType.RANDOM):
        action = torch.cat([explorer(td)["action"] for _ in range(80)])
    random = (action.abs() > 0.5).any(-1)  # five deviations of the noise; all but 1/16 of the random ones
    assert 0.25 * 15 / 16 - 0.03 < random.float().mean() < 0.25 * 15 / 16 + 0.03
    assert 0.09 < action[~random].std() < 0.13
    with set_exploration_type(ExplorationType.RANDOM), torch.no_grad():
        assert make_explorer(policy, env, random_action=1.0, noise=5.0)(td)["action"].abs().max() <= 1
