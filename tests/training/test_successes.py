"""Success at the last step or, where goals move, at any."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from tensordict import TensorDict
from tensordict.nn import TensorDictModule

from sher_rl import make_env
from sher_rl.training.evaluation import final_states
from sher_rl.training.successes import episode_success, goal_moves, met_so_far

STEPS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=4, max_size=20)


def brute_force(success: list[bool], done: list[bool]) -> list[bool]:
    met, so_far = False, []
    for now, end in zip(success, done, strict=True):
        met = met or now
        so_far.append(met)
        met = met and not end
    return so_far


@given(steps=STEPS)
def test_what_was_met_so_far(steps: list[tuple[bool, bool]]) -> None:
    success, done = map(list, zip(*steps, strict=True))
    expected = [brute_force(success, done), brute_force(success[::-1], done[::-1])]
    both = torch.tensor([success, success[::-1]]).float().unsqueeze(-1)
    ends = torch.tensor([done, done[::-1]]).unsqueeze(-1)
    assert met_so_far(both, ends).bool().squeeze(-1).tolist() == expected


def test_an_episode_counts_by_its_last_step_or_by_any() -> None:
    success = torch.tensor([0.0, 1, 0, 0, 0, 1]).view(1, 6, 1)
    done = torch.tensor([False, False, True, False, True, False]).view(1, 6, 1)
    data = TensorDict({"next": {"is_success": success, "done": done}}, [1, 6])
    assert episode_success(data).tolist() == [0.0, 0.0]
    assert episode_success(data, ever=True).tolist() == [1.0, 0.0]


class Passer(torch.nn.Module):
    """Moves to where the goal is next, and flees upwards from one that it meets."""

    def forward(self, observation: torch.Tensor, desired_goal: torch.Tensor) -> torch.Tensor:
        way = desired_goal + torch.tensor([0.011, 0.0, 0.0]) - observation[..., :3]
        near = (desired_goal - observation[..., :3]).norm(dim=-1, keepdim=True) < 0.01
        way = torch.where(near, torch.tensor([0.0, 0.0, 1.0]), way)
        return torch.cat((25 * way, torch.zeros_like(way[..., :1])), -1).clamp(-1, 1)


def test_tests_of_a_moving_goal_count_any_step() -> None:
    env = make_env("DyReach-v0", 5, num_threads=1)
    policy = TensorDictModule(Passer(), in_keys=["observation", "desired_goal"], out_keys=["action"])
    counted = final_states(policy, env, episodes=5, seed=0)["is_success"]
    env.set_seed(0)
    success = env.rollout(50, policy)["next", "is_success"]
    assert torch.equal(counted, success.amax(1))
    assert counted.any()
    assert not success[:, -1].all()


def test_environments_say_whether_goals_move() -> None:
    assert goal_moves(make_env("DyPush-v0", num_threads=1))
    assert not goal_moves(make_env("FetchReach-v4", num_threads=1))
    assert not goal_moves(object())
