import numpy as np
import pytest
import torch
from tensordict import TensorDict
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose

from sher_rl import GoalDims, GoalNormalizer, HindsightRelabel, PoseNorm, UsageError
from sher_rl.modules.norms import ObservationNorm


def never(achieved: torch.Tensor, desired: torch.Tensor) -> torch.Tensor:
    return -(achieved != desired).any(-1, keepdim=True).float()


def episodes(lengths: list[int], first: int = 0) -> TensorDict:
    """Goals are (episode, step): achieved after step t of episode e is (e, t + 1); desired is (-1, -1)."""
    episode = torch.cat([torch.full((n,), first + e) for e, n in enumerate(lengths)])
    step = torch.cat([torch.arange(n) for n in lengths])
    done = torch.cat([torch.arange(n) == n - 1 for n in lengths]).unsqueeze(-1)
    rows = len(step)
    goal = -torch.ones(rows, 2)
    return TensorDict(
        {
            "observation": torch.stack((episode, step), -1).float(),
            "desired_goal": goal,
            "next": {
                "observation": torch.stack((episode, step + 1), -1).float(),
                "achieved_goal": torch.stack((episode, step + 1), -1).float(),
                "desired_goal": goal.clone(),
                "reward": -torch.ones(rows, 1),
                "done": done,
            },
        },
        [rows],
    )


def test_normaliser_sees_the_new_goal_and_leaves_the_storage_raw() -> None:
    storage = LazyTensorStorage(100)
    relabel = HindsightRelabel(never, storage, k=1e9)
    normalizer = GoalNormalizer(GoalDims(2, 2, 1), update_on_write=False)
    buffer = TensorDictReplayBuffer(storage=storage, transform=Compose(relabel, normalizer))
    index = buffer.extend(episodes([6, 4]))
    normalizer.update(relabel(storage.get(index)))
    torch.manual_seed(5)
    raw = relabel(storage.get(range(10)))
    torch.manual_seed(5)
    batch = buffer[range(10)]
    for part, key, norm in (
        (batch, "observation", normalizer.observation),
        (batch["next"], "observation", normalizer.observation),
        (batch, "desired_goal", normalizer.goal),
        (batch["next"], "desired_goal", normalizer.goal),
    ):
        source = raw if part is batch else raw["next"]
        torch.testing.assert_close(part[key], norm.normalize(source[key]))
    assert torch.equal(batch["next", "reward"], raw["next", "reward"])
    torch.testing.assert_close(normalizer.observation.mean, storage.get(range(10))["observation"].mean(0))


def test_what_is_written_counts_desired_goals_and_achieved_ones_alike() -> None:
    normalizer = GoalNormalizer(GoalDims(2, 2, 1))
    buffer = TensorDictReplayBuffer(storage=LazyTensorStorage(100), transform=normalizer)
    rows = episodes([6, 4])
    buffer.extend(rows[:6])
    buffer.extend(rows[6:])
    goals = torch.cat((rows["desired_goal"], rows["next", "achieved_goal"]))
    torch.testing.assert_close(normalizer.observation.mean, rows["observation"].mean(0))
    torch.testing.assert_close(normalizer.goal.mean, goals.mean(0))
    torch.testing.assert_close(normalizer.goal.std, goals.std(0, correction=0))


def test_without_it_a_write_counts_nothing() -> None:
    normalizer = GoalNormalizer(GoalDims(2, 2, 1), update_on_write=False)
    TensorDictReplayBuffer(storage=LazyTensorStorage(100), transform=normalizer).extend(episodes([6]))
    assert (normalizer.observation.count, normalizer.goal.count) == (0, 0)


@pytest.mark.parametrize("key", ["observation", "desired_goal"])
def test_a_write_without_what_is_normalised_gets_one_sentence(key: str) -> None:
    buffer = TensorDictReplayBuffer(storage=LazyTensorStorage(100), transform=GoalNormalizer(GoalDims(2, 2, 1)))
    with pytest.raises(UsageError, match=f"The rows lack '{key}', which GoalNormalizer normalises"):
        buffer.extend(episodes([6]).exclude(key))


def test_normaliser_of_poses_takes_now_and_next_each_from_its_own_pose() -> None:
    normalizer = GoalNormalizer(GoalDims(observation=8, goal=7, action=1), PoseNorm())
    now, then, goal = (torch.tensor([x, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]) for x in (0.0, 1.0, 3.0))
    steps = {"observation": torch.cat((torch.zeros(1), now)), "desired_goal": goal}
    steps["next"] = {"observation": torch.cat((torch.zeros(1), then)), "desired_goal": goal}
    batch = TensorDict(steps).expand(2)
    normalizer.update(batch)
    torch.testing.assert_close(normalizer.goal.mean, goal)  # from the pose at 0
    moved = normalizer(batch.clone())
    assert moved["desired_goal"][0, 0] == 0.0
    assert moved["next", "desired_goal"][0, 0] == -5.0  # a metre less, in units of 0.01 and clipped


def test_a_norm_of_poses_is_refused_where_goals_are_positions() -> None:
    with pytest.raises(UsageError, match="goal is a norm of 7 numbers, dims has 3; leave it out"):
        GoalNormalizer(GoalDims(observation=10, goal=3, action=4), PoseNorm())


def test_running_norm_is_that_of_all_data_so_far() -> None:
    norm, rng = ObservationNorm(2), np.random.default_rng(0)
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
    flat, shaped, data = ObservationNorm(3), ObservationNorm(3), torch.randn(4, 5, 3)
    flat.update(data.reshape(-1, 3))
    shaped.update(data)
    torch.testing.assert_close(shaped(data), flat(data))
