import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensordict import TensorDict
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose

from sher_rl import GoalDims, GoalNormalizer, HindsightRelabel, UsageError
from sher_rl.transforms import steps_to_end


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


def make_buffer(capacity: int, k: float = 1e9, **kwargs) -> TensorDictReplayBuffer:
    storage = LazyTensorStorage(capacity)
    return TensorDictReplayBuffer(storage=storage, transform=HindsightRelabel(never, storage, k=k, **kwargs))


@settings(max_examples=50, deadline=None)
@given(st.integers(8, 40), st.lists(st.lists(st.integers(1, 8), min_size=1, max_size=3), min_size=1, max_size=12))
def test_goals_come_later_in_the_same_episode_on_a_ring_that_wraps(capacity: int, writes: list[list[int]]) -> None:
    buffer, first = make_buffer(capacity), 0
    for lengths in writes:
        if sum(lengths) > capacity:
            continue
        buffer.extend(episodes(lengths, first))
        length = dict(enumerate(lengths, first))
        first += len(lengths)
        batch = buffer.sample(64)
        (episode, step), (goal_episode, goal_step) = batch["observation"].unbind(-1), batch["desired_goal"].unbind(-1)
        assert torch.equal(goal_episode, episode)
        assert (goal_step > step).all()
        for e, n in length.items():
            assert (goal_step[episode == e] <= n).all()
        assert torch.equal(batch["next", "desired_goal"], batch["desired_goal"])
        assert torch.equal(batch["next", "reward"], never(batch["next", "achieved_goal"], batch["desired_goal"]))


def test_future_goals_are_uniform_up_to_and_including_the_last() -> None:
    buffer = make_buffer(100)
    buffer.extend(episodes([10]))
    batch = buffer.sample(200_000)
    for step in range(10):
        goals = batch["desired_goal"][batch["observation"][:, 1] == step, 1].long() - step - 1
        counts = torch.bincount(goals, minlength=10 - step).double()
        expected = len(goals) / (10 - step)
        assert len(counts) == 10 - step
        assert ((counts - expected).square() / expected).sum() < 35  # p < 1e-4 at 9 degrees of freedom


@pytest.mark.parametrize(("k", "share"), [(0, 0.0), (1, 0.5), (4, 0.8)])
def test_rows_are_relabelled_with_probability_k_over_k_plus_1(k: float, share: float) -> None:
    buffer = make_buffer(50, k=k)
    buffer.extend(episodes([50]))
    batch = buffer.sample(20_000)
    mask = batch["hindsight", "relabelled"]
    assert mask.double().mean().item() == pytest.approx(share, abs=0.015)
    assert torch.equal(mask, batch["desired_goal"][:, 0] >= 0)
    assert mask[:10_000].double().mean().item() == pytest.approx(share, abs=0.02)  # not the first rows only


def test_environment_time_batches_keep_environments_apart() -> None:
    batch = TensorDict.stack([episodes([4, 3], first=0), episodes([5, 2], first=10)])
    batch["next", "done"][:, -1] = False  # cut off in mid-episode: the fragment's end counts as one
    buffer = make_buffer(100)
    buffer.extend(batch)
    rows = buffer.sample(2_000)
    assert len(buffer) == 14
    assert torch.equal(rows["desired_goal"][:, 0], rows["observation"][:, 0])


def test_what_is_stored_keeps_its_own_goal() -> None:
    buffer = make_buffer(100)
    buffer.extend(episodes([20]))
    buffer.sample(1_000)
    assert (buffer.storage.get(range(20))["desired_goal"] == -1).all()


def test_a_generator_makes_draws_reproducible() -> None:
    rows = episodes([30])
    batches = []
    for _ in range(2):
        buffer = make_buffer(100, k=4, generator=torch.Generator().manual_seed(3))
        index = buffer.extend(rows)
        batches.append(buffer._transform[0](buffer.storage.get(index))["desired_goal"])
    assert torch.equal(*batches)


def test_steps_to_end() -> None:
    end = torch.tensor([False, True, False, False, False, True, True])
    assert steps_to_end(end).tolist() == [1, 0, 3, 2, 1, 0, 0]


def test_wrong_use_gets_one_sentence() -> None:
    with pytest.raises(UsageError, match="k is -1"):
        make_buffer(10, k=-1)
    with pytest.raises(UsageError, match="One write of 11 transitions exceeds the storage of 10"):
        make_buffer(10).extend(episodes([11]))
    with pytest.raises(UsageError, match=r"lack \['desired_goal'\]"):
        make_buffer(10).extend(episodes([3]).exclude("desired_goal"))


def test_normaliser_sees_the_new_goal_and_leaves_the_storage_raw() -> None:
    storage = LazyTensorStorage(100)
    relabel, normalizer = HindsightRelabel(never, storage, k=1e9), GoalNormalizer(GoalDims(2, 2, 1))
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
        torch.testing.assert_close(part[key], norm(source[key]))
    assert torch.equal(batch["next", "reward"], raw["next", "reward"])
    torch.testing.assert_close(normalizer.observation.mean, storage.get(range(10))["observation"].mean(0))
