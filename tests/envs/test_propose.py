"""ProposeGoals: goals, rewards and ends follow the proposal, in any environment, and the proposal hears of each end."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest
import torch
from tensordict.nn import TensorDictModule
from torch import Tensor, nn
from torchrl.collectors import Collector
from torchrl.envs import EnvBase, TransformedEnv
from torchrl.envs.utils import check_env_specs

from sher_rl import GymReward, PointMass, ProposeGoals, UniformGoals, UsageError, goal_reward, make_env
from sher_rl.functional.rewards import point_reward
from sher_rl.training.env_state import EnvState


class Counting(nn.Module):
    """Propose 0, 1, 2, ... times a direction, and write down what is told."""

    def __init__(self, direction: Tensor) -> None:
        super().__init__()
        self.direction = direction
        self.register_buffer("given", torch.zeros((), dtype=torch.int64))
        self.told: list[tuple[Tensor, Tensor]] = []

    def propose(self, own: Tensor) -> Tensor:
        numbers = self.given + torch.arange(len(own))
        self.given += len(own)
        return numbers.unsqueeze(1) * self.direction

    def learn(self, goal: Tensor, success: Tensor) -> None:
        self.told.append((goal.clone(), success.clone()))


def reach(num_envs: int = 2, **kwargs: object) -> tuple[EnvBase, Counting]:
    proposal = Counting(torch.tensor([0.1, 0.0, 0.0]))
    env = make_env("FetchReach-v4", num_envs, **kwargs)
    return TransformedEnv(env, ProposeGoals(proposal, goal_reward("FetchReach-v4"))), proposal


@pytest.mark.parametrize("backend", ["native", "gym"])
def test_goals_stay_for_an_episode_and_change_with_the_next(backend: str) -> None:
    env, proposal = reach(backend=backend, max_episode_steps=3)
    steps = env.rollout(7, break_when_any_done=False)
    numbers = (steps["next", "desired_goal"][..., 0] * 10).round().int()
    assert numbers.tolist() == [[0, 0, 0, 2, 2, 2, 4], [1, 1, 1, 3, 3, 3, 5]]
    assert torch.equal(steps["desired_goal"], steps["next", "desired_goal"])
    told = [(goal[:, 0] * 10).round().int().tolist() for goal, _ in proposal.told]
    assert told == [[0, 1], [2, 3]]
    env.close()


@pytest.mark.parametrize("backend", ["native", "gym"])
def test_rewards_and_successes_follow_the_proposed_goal(backend: str) -> None:
    start = make_env("FetchReach-v4", 1, seed=3).reset()["achieved_goal"][0]
    reward = goal_reward("FetchReach-v4")
    near = UniformGoals((start - 0.08).tolist(), (start + 0.08).tolist(), torch.Generator().manual_seed(0))
    env = TransformedEnv(
        make_env("FetchReach-v4", 4, seed=3, backend=backend, max_episode_steps=5), ProposeGoals(near, reward)
    )
    steps = env.rollout(40, break_when_any_done=False).flatten()["next"]
    expected = reward(steps["achieved_goal"], steps["desired_goal"])
    assert torch.equal(steps["reward"], expected)
    assert torch.equal(steps["is_success"], (expected == 0).float())
    assert 0 < steps["is_success"].mean() < 1
    env.close()


def test_an_end_at_the_goal_follows_it_too() -> None:
    base = PointMass(2, num_envs=2, goal_limits=(0.01, 0.01))  # whose own goals are met at once
    proposal = Counting(torch.tensor([0.0, 0.1]))
    env = TransformedEnv(base, ProposeGoals(proposal, base.reward_fn, terminated_fn=base.met))
    state = env.reset()  # to 0 and 0.1, as near
    proposal.given += 100
    mask = torch.tensor([[False], [True]])
    state = env.reset(state.set("_reset", mask))  # the second goes to 10.2
    ends = env.step(state.set("action", torch.zeros(2, 2)))["next"]
    assert ends["terminated"].tolist() == ends["done"].tolist() == [[True], [False]]
    assert ends["reward"].tolist() == [[0.0], [-1.0]]
    assert [(goal.tolist(), success.tolist()) for goal, success in proposal.told] == [([[0.0, 0.0]], [True])]


@pytest.mark.parametrize("backend", ["native", "gym"])
def test_torchrl_accepts_it(backend: str) -> None:
    env, _ = reach(backend=backend)
    check_env_specs(env)
    env.close()


def test_a_maze_has_goals_proposed() -> None:
    proposal = Counting(torch.tensor([0.1, 0.1]))
    reward = GymReward("PointMaze_UMaze-v3")
    maze = make_env("PointMaze_UMaze-v3", 2, backend="gym")
    env = TransformedEnv(maze, ProposeGoals(proposal, reward, met_reward=1.0))
    steps = env.rollout(4)["next"]
    assert steps["desired_goal"][:, :, 0].tolist() == [[0.0] * 4, [pytest.approx(0.1)] * 4]
    assert torch.equal(steps["reward"].flatten(0, 1), reward(*_goals(steps)))
    assert torch.equal(steps["is_success"], steps["reward"])
    env.close()


def _goals(steps: object) -> tuple[Tensor, Tensor]:
    return steps["achieved_goal"].flatten(0, 1), steps["desired_goal"].flatten(0, 1)


def test_a_collector_meets_goals_that_go_on_from_batch_to_batch() -> None:
    env, proposal = reach(max_episode_steps=4)
    action = torch.zeros(4)
    policy = TensorDictModule(lambda seen: action.expand(len(seen), 4), ["observation"], ["action"])
    collector = Collector(env, policy, frames_per_batch=12, total_frames=24)
    batches = torch.cat(list(collector), 1)
    numbers = (batches["desired_goal"][0, :, 0] * 10).round().int().tolist()
    assert numbers == sorted(numbers)
    changes = [before != after for before, after in pairwise(numbers)]
    assert [place + 1 for place, changed in enumerate(changes) if changed] == [4, 8]
    assert [len(goal) for goal, _ in proposal.told] == [2, 2, 2]
    collector.shutdown()


def test_it_is_saved_with_its_environment() -> None:
    env, proposal = reach(max_episode_steps=5)
    other, _ = reach(max_episode_steps=5, seed=50)
    first = env.rollout(3)
    saved = EnvState(env).state_dict()
    assert proposal.given == 2
    other.reset()
    EnvState(other).load_state_dict(saved)
    start = first[:, -1]["next"].exclude("reward")
    play = partial(TransformedEnv.rollout, max_steps=9, auto_reset=False, break_when_any_done=False)
    ends = []
    for one in (env, other):
        torch.manual_seed(0)
        ends.append(play(one, tensordict=start.clone()))
    assert (ends[0] == ends[1]).all()
    env.close()
    other.close()


def test_an_episode_that_waits_for_the_others_is_told_once() -> None:
    base = PointMass(2, num_envs=3, goal_limits=(1.0, 1.0))
    proposal = Counting(torch.tensor([0.2, 0.2]))
    env = TransformedEnv(base, ProposeGoals(proposal, base.reward_fn, terminated_fn=base.met))
    env.rollout(200, break_when_any_done=False, break_when_all_done=True)
    assert sum(len(goal) for goal, _ in proposal.told) == 3


def test_a_proposal_of_the_wrong_shape_is_refused() -> None:
    env = TransformedEnv(PointMass(2), ProposeGoals(Counting(torch.zeros(3)), point_reward))
    with pytest.raises(UsageError, match=r"proposal gave goals of shape \(1, 3\); it has to be \(1, 2\)"):
        env.reset()


def test_a_reward_that_is_no_number_is_refused() -> None:
    with pytest.raises(UsageError, match="met_reward is 'full'"):
        ProposeGoals(Counting(torch.zeros(2)), point_reward, met_reward="full")
