"""ImitationReward: its rewards and ends by hand, behind real relabelling, and its state."""

from __future__ import annotations

import math

import pytest
import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose

from sher_rl import (
    FourRooms,
    GoalDims,
    GoalDiscriminator,
    GoalNormalizer,
    HindsightRelabel,
    ImitationReward,
    UsageError,
    make_four_rooms_expert,
)


class Known(nn.Module):
    """A logit that is the first number of the observation."""

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        return observation[:, :1]


def known() -> TensorDictModule:
    return TensorDictModule(Known(), ["observation"], ["expert_logit"])


def batch() -> TensorDict:
    following = {
        "reward": torch.tensor([[-1.0], [0.0], [-1.0]]),
        "terminated": torch.tensor([[False], [False], [True]]),
        "done": torch.tensor([[False], [False], [True]]),
    }
    logit = torch.tensor([[math.log(3)], [0.0], [-math.log(9)]])
    return TensorDict({"observation": logit, "next": following}, [3])


def test_rewards_are_those_of_numbers_worked_out_by_hand() -> None:
    out = ImitationReward(known(), goal_weight=2.0, gail_weight=0.1)(batch())
    expected = [-2 + 0.1 * math.log(0.75), 0.1 * math.log(0.5), -2 + 0.1 * math.log(0.1)]
    assert out["next", "reward"].flatten().tolist() == pytest.approx(expected, rel=1e-5)
    assert out["next", "reward"].dtype is torch.float32


def test_a_met_goal_is_the_end_and_no_end_is_lost() -> None:
    out = ImitationReward(known())(batch())
    for key in ("terminated", "done"):
        assert out["next", key].flatten().tolist() == [False, True, True]


def test_it_leaves_nothing_of_the_discriminator_in_the_batch() -> None:
    keys = set(batch().keys(True, True))
    assert set(ImitationReward(known())(batch()).keys(True, True)) == keys


def test_its_weight_goes_down_by_rounds_and_is_in_its_state() -> None:
    reward = ImitationReward(known(), gail_weight=0.5, decay=0.9)
    for _ in range(3):
        reward.anneal()
    assert reward.gail_weight.item() == pytest.approx(0.5 * 0.9**3)
    other = ImitationReward(known(), gail_weight=0.5, decay=0.9)
    other.load_state_dict(reward.state_dict())
    assert torch.equal(other(batch())["next", "reward"], reward(batch())["next", "reward"])


def test_it_judges_the_new_goals_of_raw_rows() -> None:
    env = FourRooms(num_envs=3)
    rows = env.rollout(80, make_four_rooms_expert(), break_when_any_done=False)
    dims = GoalDims.of(env)
    normalizer = GoalNormalizer(dims, update_on_write=False)
    normalizer.update(rows)
    discriminator = GoalDiscriminator(dims, normalizer.observation, normalizer.goal)
    storage = LazyTensorStorage(300)
    relabel = HindsightRelabel(env.reward_fn, storage)
    chain = Compose(relabel, ImitationReward(discriminator, goal_weight=1.0), normalizer)
    buffer = TensorDictReplayBuffer(storage=storage, transform=chain, batch_size=200)
    buffer.extend(rows)
    sample = buffer.sample()
    raw = storage.get(sample["index"])
    goal = sample["desired_goal"] * normalizer.goal.std + normalizer.goal.mean
    logit = discriminator.module(raw["observation"], goal, raw["next", "observation"])
    met = env.met(raw["next", "achieved_goal"], goal)
    expected = met.float() - 1 + 0.1 * (logit.sigmoid() + 1e-8).log()
    assert torch.allclose(sample["next", "reward"], expected, atol=1e-4)
    assert torch.equal(sample["next", "terminated"], met | raw["next", "terminated"])
    assert met.any()
    assert (raw["next", "reward"] <= 0).all()  # those stored are as they were


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"goal_weight": -1.0}, "goal_weight is -1.0"),
        ({"gail_weight": math.inf}, "gail_weight is inf"),
        ({"decay": 1.1}, "decay is 1.1"),
        ({"met_reward": math.nan}, "met_reward is nan"),
    ],
)
def test_wrong_numbers_are_refused(wrong: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        ImitationReward(known(), **wrong)
