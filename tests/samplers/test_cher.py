"""CHERSampler in real buffers: what is kept, with which goals, and where it has to refuse."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
import torch
from helpers.episodes import episode, reward_fn
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import LazyMemmapStorage, LazyTensorStorage, RandomSampler, ReplayBuffer, TensorDictReplayBuffer
from torchrl.envs import CatTensors, Compose, Transform

from sher_rl import CHERSampler, HindsightRelabel, UsageError
from sher_rl.functional.curriculum import proximity
from sher_rl.replay.chosen import GoalHandover
from sher_rl.replay.strategies import GoalChoice

NEAREST = {"selection": "greedy", "lambda_init": 1e6}
"""With this weight the goals nearest to what was achieved are kept, whatever their diversity."""


class Recorder(GoalHandover):
    """Note, for all threads, what was put and whether it was taken."""

    def __init__(self, put: list[tuple[Tensor, GoalChoice]], taken: list[bool]) -> None:
        self.all_put, self.all_taken = put, taken

    def put(self, index: Tensor, choice: GoalChoice) -> None:
        self.all_put.append((index, choice))
        super().put(index, choice)

    def take(self, index: Tensor | None) -> GoalChoice | None:
        choice = super().take(index)
        self.all_taken.append(choice is not None)
        return choice


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def episodes(lengths: tuple[int, ...] = (20,) * 10) -> TensorDict:
    """Episodes that walk about the plane, from different places."""
    data = torch.cat([episode(length, number=number) for number, length in enumerate(lengths)])
    walk = torch.randn(sum(lengths) + 1, 2).cumsum(0).double()
    data["achieved_goal"], data["next", "achieved_goal"] = walk[:-1], walk[1:]
    data["desired_goal"] = data["next", "desired_goal"] = torch.randn(sum(lengths), 2).double() * 10
    return data


def make_buffer(
    *,
    kind: type[ReplayBuffer] = TensorDictReplayBuffer,
    storage_type: Callable = LazyTensorStorage,
    data: TensorDict | None = None,
    seed: int = 5,
    then: Transform | None = None,
    **options,
) -> ReplayBuffer:
    storage = storage_type(1000)
    relabel = HindsightRelabel(reward_fn, storage, k=4, generator=seeded(seed))
    sampler = CHERSampler(relabel, **({"generator": seeded(seed + 1)} | options))
    transform = relabel if then is None else Compose(relabel, then)
    buffer = kind(storage=storage, sampler=sampler, transform=transform)
    buffer.extend(episodes() if data is None else data)
    return buffer


def relabel_of(buffer: ReplayBuffer) -> HindsightRelabel:
    return buffer.sampler.relabel


def record(buffer: ReplayBuffer) -> tuple[list[tuple[Tensor, GoalChoice]], list[bool]]:
    put, taken = [], []
    relabel_of(buffer).handover = Recorder(put, taken)
    return put, taken


def drawn(buffer: ReplayBuffer, times: int = 3, size: int = 32) -> Tensor:
    """What was drawn: rows and goals."""
    batches = torch.cat([buffer.sample(size) for _ in range(times)])
    return torch.cat((batches["next", "achieved_goal"], batches["desired_goal"]), -1)


def distance(batch: TensorDict) -> Tensor:
    return -proximity(batch["desired_goal"], batch["achieved_goal"])


@pytest.mark.parametrize("kind", [TensorDictReplayBuffer, ReplayBuffer])
@pytest.mark.parametrize("storage_type", [LazyTensorStorage, LazyMemmapStorage])
@pytest.mark.parametrize("options", [{}, {"num_neighbors": 4}, {"selection": "greedy"}])
def test_a_batch_gets_the_goals_that_were_chosen(kind, storage_type, options):
    join = CatTensors(["achieved_goal", "desired_goal"], "state", del_keys=False, sort=False)
    buffer = make_buffer(kind=kind, storage_type=storage_type, then=join, **options)
    put, taken = record(buffer)
    for _ in range(5):
        batch = buffer.sample(32)
        index, choice = put[-1]
        goals = relabel_of(buffer).goals(buffer.storage.get(index), choice)
        assert torch.equal(batch["index"], index)
        assert torch.equal(batch["desired_goal"], goals)
        assert torch.equal(batch["next", "desired_goal"], goals)
        assert torch.equal(batch["state"][:, 2:], goals)
        assert torch.equal(batch["next", "reward"], reward_fn(batch["next", "achieved_goal"], goals))
        assert torch.equal(batch["hindsight", "offset"], choice.offset)
        assert torch.equal(batch["hindsight", "relabelled"], choice.relabelled)
    assert taken == [True] * 5


@pytest.mark.parametrize("strategy", ["random", "actual", {"future": 1, "actual": 1, "real": 1}])
def test_goals_of_other_episodes_are_handed_over(strategy):
    storage = LazyTensorStorage(1000)
    relabel = HindsightRelabel(reward_fn, storage, strategy=strategy)
    buffer = TensorDictReplayBuffer(storage=storage, sampler=CHERSampler(relabel), transform=relabel)
    buffer.extend(episodes())
    put, taken = record(buffer)
    batch = buffer.sample(64)
    assert taken == [True]
    assert torch.equal(batch["desired_goal"], relabel.goals(storage.get(put[0][0]), put[0][1]))


def test_the_nearest_of_the_pool_are_kept():
    buffer = make_buffer(**NEAREST, pool_ratio=3)
    relabel, twin = relabel_of(buffer), seeded(6)
    state = relabel.generator.get_state()
    index = (torch.rand(96, dtype=torch.float64, generator=twin) * 200).long()
    rows = buffer.storage.get(index)
    goals = relabel.goals(rows, relabel.choose(rows))
    expected = -proximity(goals, rows["achieved_goal"])
    relabel.generator.set_state(state)
    kept = distance(buffer.sample(32))
    torch.testing.assert_close(kept.sort().values, expected.sort().values[:32])


def test_goals_that_are_equal_are_seldom_kept_for_diversity():
    data = episodes()
    data["next", "achieved_goal"][:100] = 0.0  # half of the goals achieved are one
    kept = make_buffer(data=data, lambda_init=0.0)
    uniform = make_buffer(data=data)
    uniform.set_sampler(RandomSampler())
    shares = [
        torch.cat([buffer.sample(32)["desired_goal"] for _ in range(50)]).eq(0).all(-1).double().mean()
        for buffer in (kept, uniform)
    ]
    assert shares[0] < 0.6 * shares[1]


def test_the_weight_grows_batch_by_batch_and_starts_again():
    buffer = make_buffer(lambda_growth=1.0, lambda_period=3, batch_size=32)
    weights = []
    for size in (32, 64, 32, 32):
        weights.append(buffer.sampler._weights(size // 32).tolist())
        buffer.sample(size)
    assert weights == [[1], [2, 4], [1], [2]]
    endless = CHERSampler(relabel_of(buffer), lambda_period=None)
    endless.load_state_dict({"step": 10_000_000})
    assert endless._weights(2).tolist() == [1e6, 1e6]


@pytest.mark.parametrize("options", [{}, {"num_neighbors": 3}, {"selection": "greedy"}])
def test_several_batches_at_once_are_those_drawn_one_by_one(options):
    data = episodes()
    together, alone = (
        make_buffer(data=data, batch_size=16, lambda_growth=0.5, lambda_period=4, **options) for _ in range(2)
    )
    assert torch.equal(drawn(together, times=2, size=16 * 5), drawn(alone, times=10, size=16))


def test_a_seed_decides_every_draw():
    data = episodes()
    assert torch.equal(drawn(make_buffer(data=data, seed=1)), drawn(make_buffer(data=data, seed=1)))
    assert not torch.equal(drawn(make_buffer(data=data, seed=1)), drawn(make_buffer(data=data, seed=2)))


def test_the_buffers_generator_is_used_if_the_sampler_has_none():
    data = episodes()
    buffers = [make_buffer(data=data, generator=None) for _ in range(2)]
    for buffer in buffers:
        buffer.set_rng(seeded(3))
    first = drawn(buffers[0])
    torch.manual_seed(99)
    assert torch.equal(first, drawn(buffers[1]))


def test_state_dict_restores_the_draws():
    data = episodes()
    first, second = make_buffer(data=data, lambda_growth=0.1, seed=1), make_buffer(lambda_growth=0.1, seed=2)
    drawn(first, 4)
    second.load_state_dict(first.state_dict())
    assert second.sampler._step == 4
    assert torch.equal(drawn(first), drawn(second))


def test_dumps_and_loads(tmp_path):
    first, second = make_buffer(lambda_growth=0.1, seed=1), make_buffer(lambda_growth=0.1, seed=2)
    drawn(first, 4)
    first.dumps(tmp_path)
    second.loads(tmp_path)
    assert torch.equal(drawn(first), drawn(second))


def test_pickle_keeps_the_pieces_together():
    buffer = make_buffer()
    buffer.sampler.sample(buffer.storage, 8)  # leaves a choice under way
    copy = pickle.loads(pickle.dumps(buffer))
    assert copy.sampler.relabel is copy._transform[0]
    assert copy.sampler.relabel.storage is copy.storage
    _, taken = record(copy)
    assert torch.equal(drawn(copy), drawn(buffer))
    assert taken == [True] * 3


def test_prefetching_threads_hand_over():
    storage = LazyTensorStorage(1000)
    relabel = HindsightRelabel(reward_fn, storage, k=4)
    sampler = CHERSampler(relabel, **NEAREST)
    buffer = TensorDictReplayBuffer(storage=storage, sampler=sampler, transform=relabel, batch_size=32, prefetch=3)
    data = episodes()
    buffer.extend(data)
    put, taken = record(buffer)
    for number in range(40):
        batch = buffer.sample()
        assert torch.equal(batch["next", "reward"], reward_fn(batch["next", "achieved_goal"], batch["desired_goal"]))
        index = next(i for i, (kept, _) in enumerate(put) if torch.equal(kept, batch["index"]))
        assert torch.equal(batch["hindsight", "offset"], put[index][1].offset)
        if number % 10 == 9:
            buffer.extend(data)
    buffer.shutdown()
    assert all(taken)


def test_a_choice_for_other_rows_is_dropped():
    buffer = make_buffer()
    relabel = relabel_of(buffer)
    index, _ = buffer.sampler.sample(buffer.storage, 8)
    before = relabel.generator.get_state()
    other = relabel(buffer.storage.get(index.flip(0)))
    assert not torch.equal(before, relabel.generator.get_state())
    assert torch.equal(other["next", "reward"], reward_fn(other["next", "achieved_goal"], other["desired_goal"]))
    assert relabel.handover.take(index) is None


def test_a_choice_of_rows_that_were_overwritten_leaks_no_foreign_goal():
    storage = LazyTensorStorage(40)
    relabel = HindsightRelabel(reward_fn, storage, ratio=1.0)
    buffer = TensorDictReplayBuffer(storage=storage, sampler=CHERSampler(relabel), transform=relabel)
    buffer.extend(episode(40, number=1))
    index, _ = buffer.sampler.sample(storage, 16)
    for number in range(2, 9):
        buffer.extend(episode(5, number=number))
    batch = relabel(storage.get(index))
    assert (batch["desired_goal"][:, 0] == batch["next", "achieved_goal"][:, 0]).all()


def test_two_samplers_of_one_buffer_take_turns():
    buffer = make_buffer()
    put, taken = record(buffer)
    other = CHERSampler(relabel_of(buffer), **NEAREST)
    for _ in range(4):
        other = buffer.set_sampler(other) or other
        batch = buffer.sample(32)
        assert torch.equal(batch["hindsight", "offset"], put[-1][1].offset)
    assert taken == [True] * 4


def test_two_buffers_do_not_meet():
    buffers = [make_buffer(seed=seed) for seed in (1, 2)]
    notes = [record(buffer) for buffer in buffers]
    for buffer, (put, taken) in [*zip(buffers, notes, strict=True)] * 3:
        batch = buffer.sample(32)
        assert torch.equal(batch["index"], put[-1][0])
        assert taken[-1]


def test_emptying_keeps_the_schedule():
    buffer = make_buffer()
    drawn(buffer, 3)
    buffer.empty()
    buffer.extend(episodes())
    drawn(buffer, 1)
    assert buffer.sampler.state_dict()["step"] == 4


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.int64, torch.bool])
def test_goals_of_any_shape_and_dtype(shape, dtype):
    data, goals = episode(30), torch.randint(2, (31, *shape)).to(dtype)
    data["desired_goal"] = data["next", "desired_goal"] = torch.zeros_like(goals[1:])
    data["achieved_goal"], data["next", "achieved_goal"] = goals[:-1], goals[1:]
    storage = LazyTensorStorage(100)
    relabel = HindsightRelabel(lambda a, d: (a == d).reshape(len(a), -1).all(-1, keepdim=True), storage)
    buffer = TensorDictReplayBuffer(storage=storage, sampler=CHERSampler(relabel, **NEAREST), transform=relabel)
    buffer.extend(data)
    _, taken = record(buffer)
    batch = buffer.sample(40)
    assert batch["desired_goal"].shape == (40, *shape)
    assert batch["desired_goal"].dtype == dtype
    assert taken == [True]


def test_nested_and_renamed_keys():
    data = episode(6).rename_key_("desired_goal", ("agent", "goal")).rename_key_("achieved_goal", ("agent", "at"))
    data["next"].rename_key_("desired_goal", ("agent", "goal")).rename_key_("achieved_goal", ("agent", "at"))
    keys = {"achieved_goal_key": ("agent", "at"), "desired_goal_key": ("agent", "goal")}
    storage = LazyTensorStorage(100)
    relabel = HindsightRelabel(reward_fn, storage, **keys)
    buffer = TensorDictReplayBuffer(storage=storage, sampler=CHERSampler(relabel), transform=relabel)
    buffer.extend(data)
    assert buffer.sample(8)["agent", "goal"].shape == (8, 2)


@pytest.mark.parametrize(
    ("goal", "part"), [("full", slice(None)), ("position", slice(0, 3)), ("rotation", slice(3, 7))]
)
def test_distances_are_of_the_part_named(goal, part):
    data, poses = episode(200), torch.randn(201, 7)
    data["desired_goal"] = data["next", "desired_goal"] = torch.randn(200, 7)
    data["achieved_goal"], data["next", "achieved_goal"] = poses[:-1], poses[1:]
    means = {}
    for name in (goal, "other"):
        buffer = make_buffer(
            data=data, **NEAREST, goal=goal if name == goal else {"position": "rotation"}.get(goal, "position")
        )
        batch = torch.cat([buffer.sample(32) for _ in range(20)])
        means[name] = -proximity(batch["desired_goal"][:, part], batch["achieved_goal"][:, part]).mean()
    assert means[goal] < means["other"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"pool_ratio": 1}, "pool_ratio is 1"),
        ({"pool_ratio": 2.5}, "pool_ratio is 2.5"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"num_neighbors": 0}, "num_neighbors is 0"),
        ({"lambda_period": 0}, "lambda_period is 0"),
        ({"lambda_init": -1.0}, "lambda_init is -1.0"),
        ({"lambda_init": float("nan")}, "lambda_init is nan"),
        ({"lambda_growth": -0.1}, "lambda_growth -0.1"),
        ({"selection": "random"}, "selection is 'random'"),
        ({"goal": "pose"}, "goal is 'pose'"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, named):
    with pytest.raises(UsageError) as error:
        CHERSampler(HindsightRelabel(reward_fn, LazyTensorStorage(10)), **arguments)
    assert named in str(error.value)


def test_write_mode_is_refused_with_the_reason():
    with pytest.raises(UsageError, match="draws no goals when a batch is read"):
        CHERSampler(HindsightRelabel(reward_fn, mode="write"))


@pytest.mark.parametrize(
    ("options", "size", "named"),
    [
        ({"batch_size": 8}, 12, "12 rows were asked for"),
        ({"num_neighbors": 8}, 4, "in a pool of 8 goals"),
        ({"goal": "rotation"}, 4, "the goals have 2"),
    ],
)
def test_requests_that_do_not_fit_are_refused(options, size, named):
    with pytest.raises(UsageError, match=named):
        make_buffer(**options).sample(size)


def test_data_without_the_goal_achieved_before_the_action_are_refused():
    with pytest.raises(UsageError, match="achieved before the action"):
        make_buffer(data=episodes().exclude("achieved_goal")).sample(32)


def test_an_empty_buffer_is_refused():
    buffer = make_buffer()
    buffer.empty()
    with pytest.raises(UsageError, match="empty"):
        buffer.sample(32)


def test_a_relabel_that_is_not_the_buffers_is_refused():
    storage = LazyTensorStorage(100)
    relabel, other = (HindsightRelabel(reward_fn, storage) for _ in range(2))
    buffer = TensorDictReplayBuffer(storage=storage, sampler=CHERSampler(other), transform=relabel)
    buffer.extend(episodes((20,)))
    with pytest.raises(UsageError, match="not a transform of the buffer"):
        buffer.sample(8)


def test_its_repr_says_how_it_chooses():
    sampler = make_buffer().sampler
    assert repr(sampler) == "CHERSampler(pool_ratio=2, num_neighbors=1, selection='stochastic', goal='full', lambda=1)"
