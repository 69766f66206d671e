import pytest
import torch
from tensordict import TensorDict
from torchrl.envs.utils import ExplorationType, set_exploration_type

from sher_rl import GoalDims, UsageError, make_soft_q_networks

DIMS = GoalDims(observation=5, goal=3, action=2)


def state(rows: int) -> TensorDict:
    one = TensorDict(observation=torch.ones(1, 5), desired_goal=torch.ones(1, 3), batch_size=[1])
    return one.expand(rows)


def test_the_sampler_draws_another_action_for_each_row() -> None:
    sampler, qvalue = make_soft_q_networks(DIMS, (16,), noise=4)
    drawn = sampler(state(50))
    assert drawn["noise"].shape == (50, 4)
    assert drawn["action"].unique(dim=0).shape == (50, 2)
    torch.testing.assert_close(drawn["action"], drawn["raw_action"].tanh())
    assert qvalue(drawn)["state_action_value"].shape == (50, 1)
    assert sampler.in_keys == ["observation", "desired_goal"]


def test_without_exploration_there_is_no_noise() -> None:
    sampler, _ = make_soft_q_networks(DIMS, (16,))
    with set_exploration_type(ExplorationType.DETERMINISTIC):
        drawn = sampler(state(50))
    assert not drawn["noise"].any()
    assert drawn["action"].unique(dim=0).shape == (1, 2)


def test_a_seed_repeats_the_draws() -> None:
    sampler, _ = make_soft_q_networks(DIMS, (16,))
    torch.manual_seed(3)
    first = sampler(state(10))["action"]
    torch.manual_seed(3)
    assert torch.equal(sampler(state(10))["action"], first)


def test_noise_without_a_size_is_refused() -> None:
    with pytest.raises(UsageError, match="size is 0; use a whole number of at least 1"):
        make_soft_q_networks(DIMS, noise=0)
