"""What TorchRL asks of its transforms in ``TransformBase``, which is not installed with it: those of replay buffers."""

import copy
import pickle

import pytest
import torch
from helpers.batches import DIMS
from helpers.point import point_reward
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.data import LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer
from torchrl.envs import Compose, Transform, TransformedEnv

from sher_rl import (
    GoalDiscriminator,
    GoalNormalizer,
    HindsightRelabel,
    ImitationReward,
    MixDemonstrations,
    PointMass,
    RelayGoals,
    RivalRewards,
    SplicedGoals,
    SubTask,
    UsageError,
    meeting_penalty,
)

GOALS = {"desired_goal", ("next", "desired_goal")}
OBSERVATIONS = {"observation", ("next", "observation")}
REWARD = {("next", "reward")}
ENDS = {("next", "done"), ("next", "terminated")}
ROWS = 24


def episodes(seed: int) -> TensorDict:
    """Four failed walks of six steps, each with the place that the next one came to as its goal."""
    generator = torch.Generator().manual_seed(seed)
    place = torch.rand(4, 7, 3, generator=generator)
    goal = place[:, -1:].roll(-1, 0).expand(4, 6, 3)
    end = torch.zeros(4, 6, 1, dtype=torch.bool)
    end[:, -1] = True

    def state(steps: slice) -> dict[str, torch.Tensor]:
        return {
            "observation": torch.cat((place[:, steps], place[:, steps]), -1),
            "achieved_goal": place[:, steps].clone(),
            "desired_goal": goal.clone(),
        }

    following = {"reward": torch.full((4, 6, 1), -1.0), "done": end, "truncated": end, "terminated": ~(end | ~end)}
    action = torch.rand(4, 6, 2, generator=generator)
    return TensorDict({**state(slice(6)), "action": action, "next": state(slice(1, 7)) | following}, [4, 6])


def relabel_of(storage: LazyTensorStorage, mode: str = "read") -> HindsightRelabel:
    own = storage if mode == "read" else None
    return HindsightRelabel(point_reward, own, k=1, mode=mode, generator=torch.Generator().manual_seed(0))


def another_buffer() -> TensorDictReplayBuffer:
    storage = LazyTensorStorage(ROWS)
    generator = torch.Generator().manual_seed(1)
    buffer = TensorDictReplayBuffer(storage=storage, transform=relabel_of(storage), generator=generator)
    buffer.extend(episodes(seed=1))
    return buffer


def relay(relabel: HindsightRelabel) -> RelayGoals:
    return RelayGoals(SubTask(part=slice(0, 3), target=slice(0, 3), distance=0.3), relabel.storage)


def rival(_: HindsightRelabel) -> RivalRewards:
    generator = torch.Generator().manual_seed(2)
    storage = another_buffer().storage
    return RivalRewards(meeting_penalty, storage, distance=0.2, batch_size=8, generator=generator)


def mix(_: HindsightRelabel) -> MixDemonstrations:
    return MixDemonstrations(another_buffer(), share=0.5)


def imitation(_: HindsightRelabel) -> ImitationReward:
    norms = GoalNormalizer(DIMS)
    torch.manual_seed(3)
    discriminator = GoalDiscriminator(DIMS, norms.observation, norms.goal, hidden=(8,))
    return ImitationReward(discriminator, goal_weight=1.0)


def normalizer(_: HindsightRelabel) -> GoalNormalizer:
    made = GoalNormalizer(DIMS)
    made.update(episodes(seed=1))
    return made


BEHIND = {
    "RelayGoals": relay,
    "RivalRewards": rival,
    "MixDemonstrations": mix,
    "SplicedGoals": SplicedGoals,
    "ImitationReward": imitation,
    "GoalNormalizer": normalizer,
}
"""Transforms that come behind a :class:`HindsightRelabel`, and what makes one."""
CHANGES = {
    "RelayGoals": GOALS | REWARD,
    "RivalRewards": REWARD,
    "ImitationReward": REWARD | ENDS,
    "GoalNormalizer": GOALS | OBSERVATIONS,
}
"""Columns that a transform writes, where it leaves others."""
every = pytest.mark.parametrize("name", ["HindsightRelabel", *BEHIND])
behind = pytest.mark.parametrize("name", BEHIND)


def chain(name: str) -> tuple[LazyTensorStorage, list[Transform]]:
    storage = LazyTensorStorage(ROWS)
    relabel = relabel_of(storage)
    return storage, [relabel, *(make(relabel) for other, make in BEHIND.items() if other == name)]


def filled(name: str, kind: type[ReplayBuffer] = TensorDictReplayBuffer) -> ReplayBuffer:
    storage, transforms = chain(name)
    generator = torch.Generator().manual_seed(4)
    buffer = kind(storage=storage, transform=Compose(*transforms), batch_size=16, generator=generator)
    buffer.extend(episodes(seed=0))
    return buffer


def last_of(buffer: ReplayBuffer) -> Transform:
    return list(buffer.transform)[-1]


def relabelled(buffer: ReplayBuffer) -> TensorDict:
    """Rows as the last transform of a buffer gets them."""
    return buffer.transform[0](buffer.storage[torch.arange(16)])


def assert_same(one: TensorDict, other: TensorDict) -> None:
    assert set(one.keys(True, True)) == set(other.keys(True, True))
    torch.testing.assert_close(one.to_dict(), other.to_dict(), rtol=0, atol=0, equal_nan=True)


@every
def test_an_environment_refuses_it(name: str) -> None:
    transform = chain(name)[1][-1]
    with pytest.raises(UsageError, match=f"{name} belongs in a replay buffer, not in an environment"):
        TransformedEnv(PointMass(2), transform).rollout(2)


@behind
def test_alone_and_composed_it_does_the_same_to_its_columns_and_leaves_the_rows_given(name: str) -> None:
    one, other = filled(name), filled(name)
    rows, same_rows = relabelled(one), relabelled(other)
    before = rows.clone()
    changed = last_of(one)(rows)
    assert_same(rows, before)
    assert_same(changed, Compose(Compose(last_of(other)))(same_rows))
    if name in CHANGES:
        assert {key for key in rows.keys(True, True) if not rows[key].equal(changed[key])} <= CHANGES[name]
    assert not all(rows[key].equal(changed[key]) for key in rows.keys(True, True))


@every
@pytest.mark.parametrize("kind", [ReplayBuffer, TensorDictReplayBuffer])
def test_in_a_buffer_whole_transitions_are_read(name: str, kind: type[ReplayBuffer]) -> None:
    batch = filled(name, kind).sample()
    assert batch.shape == (16,)
    shapes = {key: rows.shape[2:] for key, rows in episodes(seed=0).items(True, True)}
    if name == "RelayGoals":
        shapes |= dict.fromkeys(GOALS, (6,))
    assert {key: batch[key].shape[1:] for key in shapes} == shapes


@every
def test_appended_it_is_what_it_is_in_the_constructor(name: str) -> None:
    storage, transforms = chain(name)
    generator = torch.Generator().manual_seed(4)
    buffer = TensorDictReplayBuffer(storage=storage, batch_size=16, generator=generator)
    for transform in transforms:
        buffer.append_transform(transform)
    buffer.extend(episodes(seed=0))
    assert_same(buffer.sample(), filled(name).sample())


@every
def test_reading_leaves_the_storage_as_it_was(name: str) -> None:
    buffer = filled(name)
    before = buffer.storage[:].clone()
    for _ in range(2):
        buffer.sample()
        assert buffer[:].shape == (ROWS,)  # the whole of a full buffer is its storage, not a copy
    assert_same(buffer.storage[:], before)


@pytest.mark.parametrize("name", ["RivalRewards", "ImitationReward", "GoalNormalizer", "MixDemonstrations"])
def test_reading_leaves_the_storage_as_it_was_where_goals_are_drawn_on_write(name: str) -> None:
    storage = LazyTensorStorage(2 * ROWS)
    relabel = relabel_of(storage, "write")
    buffer = TensorDictReplayBuffer(storage=storage, transform=Compose(relabel, BEHIND[name](relabel)))
    buffer.extend(episodes(seed=0))
    before = buffer.storage[:].clone()
    for _ in range(2):
        assert buffer[:].shape == (2 * ROWS,)
    assert_same(buffer.storage[:], before)


@behind
def test_what_is_written_stays_as_it_is(name: str) -> None:
    assert_same(filled(name).storage[:], filled("HindsightRelabel").storage[:])


@behind
def test_before_a_module(name: str) -> None:
    module = TensorDictModule(nn.Identity(), [("next", "reward")], ["out"])
    one, other = filled(name), filled(name)
    out = nn.Sequential(last_of(one), module)(relabelled(one))["out"]
    assert out.equal(last_of(other)(relabelled(other))["next", "reward"])


@every
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda buffer: pickle.loads(pickle.dumps(buffer))])
def test_a_copy_of_the_buffer_gives_the_same_batches_and_is_its_own(name: str, copied) -> None:
    buffer = filled(name)
    other = copied(buffer)
    expected = buffer.sample()
    assert_same(other.sample(), expected)
    assert last_of(other) is not last_of(buffer)


@every
def test_a_restored_buffer_goes_on_to_the_bit(name: str) -> None:
    buffer, other = filled(name), filled(name)
    buffer.sample()
    other.load_state_dict(copy.deepcopy(buffer.state_dict()))
    other._rng.set_state(buffer._rng.get_state())
    assert_same(other.sample(), buffer.sample())


@every
def test_a_clone_has_no_parent_and_does_the_same(name: str) -> None:
    one, other = filled(name), filled(name)
    twin = last_of(one).clone()
    assert type(twin) is type(last_of(one))
    assert twin.parent is None
    rows, same_rows = (buffer.storage[torch.arange(16)] for buffer in (one, other))
    if name != "HindsightRelabel":
        rows, same_rows = one.transform[0](rows), other.transform[0](same_rows)
    assert_same(twin(rows), last_of(other)(same_rows))


@every
def test_it_moves_with_all_that_it_has_learned(name: str) -> None:
    transform = chain(name)[1][-1].to("meta")
    assert {tensor.device.type for tensor in (*transform.parameters(), *transform.buffers())} <= {"meta"}


@every
def test_rows_that_lack_what_it_reads_get_one_sentence(name: str) -> None:
    transform = last_of(filled(name))
    with pytest.raises(UsageError, match=r"lack|have nothing for"):
        transform(TensorDict({"other": torch.zeros(4, 1)}, [4]))
