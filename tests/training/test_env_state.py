import pytest
import torch
from helpers import point  # noqa: F401 -- registers Point-v0
from torchrl.envs import EnvBase, GymEnv, RewardSum, TransformedEnv

from sher_rl import PointMass, ProposeGoals, UniformGoals, UsageError, make_env
from sher_rl.training.env_state import EnvState, why_not_saved


def test_an_environment_without_a_state_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be saved with a run"):
        EnvState(GymEnv("Pendulum-v1"))


def test_the_reason_is_that_of_the_first_that_cannot_be_saved() -> None:
    reach = make_env("FetchReach-v4", 2)
    assert why_not_saved(reach, reach) is None
    assert "env GymEnv cannot be saved" in why_not_saved(reach, GymEnv("Pendulum-v1"))
    assert "Point has no get_state()" in why_not_saved(make_env("Point-v0", 2, backend="gym"))


def proposed(seed: int) -> EnvBase:
    base = PointMass(2, num_envs=2, seed=seed)
    goals = UniformGoals([-1.0, -1.0], [1.0, 1.0], torch.Generator().manual_seed(seed))
    env = TransformedEnv(base, ProposeGoals(goals, base.reward_fn, terminated_fn=base.met))
    return TransformedEnv(env, RewardSum(), auto_unwrap=False)


def test_transforms_are_saved_with_their_environment() -> None:
    one, other = proposed(1), proposed(2)
    one.rollout(20)
    saved = EnvState(one).state_dict()
    assert len(saved["transforms"]) == 2
    EnvState(other).load_state_dict(saved)
    assert torch.equal(one.reset()["desired_goal"], other.reset()["desired_goal"])
    assert torch.equal(one.base_env.base_env.reset()["desired_goal"], other.base_env.base_env.reset()["desired_goal"])


def test_transforms_of_an_environment_that_cannot_be_saved_do_not_help() -> None:
    assert "env GymEnv cannot be saved" in why_not_saved(TransformedEnv(GymEnv("Pendulum-v1"), RewardSum()))
