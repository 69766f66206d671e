import pytest
import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule

from sher_rl import make_env
from sher_rl.envs import make_gym
from sher_rl.evaluation import episode_success, evaluate


class Reacher(torch.nn.Module):
    """Walks towards the goal if the goal is to the left of a line, away from it otherwise."""

    def forward(self, observation: torch.Tensor, desired_goal: torch.Tensor) -> torch.Tensor:
        way = desired_goal - observation[..., :3]
        way = torch.where(desired_goal[..., 1:2] < 0.75, way, -way)
        return torch.cat((10 * way, torch.zeros_like(way[..., :1])), -1).clamp(-1, 1)


@pytest.fixture
def policy() -> TensorDictModule:
    return TensorDictModule(Reacher(), in_keys=["observation", "desired_goal"], out_keys=["action"])


def by_gymnasium(policy: TensorDictModule, episodes: int, seed: int) -> list[float]:
    env, results = make_gym("FetchReach-v4"), []
    for i in range(episodes):
        observation, _ = env.reset(seed=seed + i)
        done = False
        while not done:
            state = {key: torch.tensor(observation[key]).float() for key in ("observation", "desired_goal")}
            observation, _, _, done, info = env.step(policy(**state).numpy())
        results.append(float(info["is_success"]))
    return results


def test_episodes_are_those_of_gymnasium_whatever_the_number_of_environments(policy: TensorDictModule) -> None:
    expected = by_gymnasium(policy, episodes=5, seed=50_000)
    assert 0 < sum(expected) < 5
    for num_envs in (1, 2, 5):
        env = make_env("FetchReach-v4", num_envs)
        for _ in range(2):  # again on a used environment
            assert evaluate(policy, env, episodes=5, seed=50_000).tolist() == expected


def test_success_is_that_of_the_last_step() -> None:
    success, done = torch.zeros(2, 4, 1), torch.zeros(2, 4, 1, dtype=torch.bool)
    success[0, 1] = success[1, 3] = 1.0  # reached and left; reached at the end
    done[:, 3] = done[0, 0] = True
    data = TensorDict({"next": {"is_success": success, "done": done}}, [2, 4])
    assert episode_success(data).tolist() == [0.0, 0.0, 1.0]
