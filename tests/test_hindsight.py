"""HindsightRelabel against a brute-force model, and where it has to refuse."""

from __future__ import annotations

import itertools
import pickle
import threading
from collections import deque
from dataclasses import dataclass, field

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import (
    LazyMemmapStorage,
    LazyTensorStorage,
    ListStorage,
    ReplayBuffer,
    Sequence,
    SliceSampler,
    TensorDictMaxValueWriter,
    TensorDictReplayBuffer,
    TensorDictRoundRobinWriter,
)
from torchrl.envs import CatTensors, Compose

from sher_rl import HindsightRelabel, UsageError

DRAWS = 1500  # of each row: a goal out of 40 is missed with a probability of 3e-17


def reward_fn(achieved: Tensor, desired: Tensor) -> Tensor:
    """Distinguish all pairs of goals, so that a reward of other goals never passes."""
    return (achieved * 1000 + desired).sum(-1, keepdim=True).float()


def episode(length: int, *, number: int = 0, start: int = 0, done: bool = True) -> TensorDict:
    """Steps of an episode whose goals say which episode and step they are of."""
    step = torch.arange(start, start + length + 1, dtype=torch.float64)
    achieved = torch.stack((torch.full_like(step, number), step), -1)
    end = torch.zeros(length, 1, dtype=torch.bool)
    end[-1] = done
    desired = torch.tensor([-1.0, -number], dtype=torch.float64).expand(length, 2)
    return TensorDict(
        {
            "observation": achieved[:-1],
            "achieved_goal": achieved[:-1],
            "desired_goal": desired,
            "next": {
                "observation": achieved[1:],
                "achieved_goal": achieved[1:],
                "desired_goal": desired,
                "reward": torch.zeros(length, 1),
                "done": end,
                "terminated": torch.zeros_like(end),
                "truncated": end,
            },
        },
        [length],
    )


def make_buffer(capacity: int, *, kind: type[ReplayBuffer] = TensorDictReplayBuffer, **options) -> ReplayBuffer:
    storage = LazyTensorStorage(capacity)
    transform = HindsightRelabel(reward_fn, storage, **options)
    return kind(storage=storage, transform=transform, batch_size=64)


def relabel_of(buffer: ReplayBuffer) -> HindsightRelabel:
    return buffer._transform[0]


def drawn(buffer: ReplayBuffer, times: int = DRAWS) -> TensorDict:
    """Every stored row, relabelled many times: ``[rows, times]``."""
    slots = torch.arange(len(buffer)).repeat_interleave(times)
    return relabel_of(buffer)(buffer.storage.get(slots)).reshape(len(buffer), times)


@dataclass
class Model:
    """Whole episodes, kept the slow way: a list of rows, of which the last ``capacity`` are alive."""

    capacity: int
    rows: deque = field(init=False)
    count: itertools.count = field(default_factory=itertools.count)
    open: tuple | None = None  # episode, its length and its trajectory id, at the end of the last write

    def __post_init__(self) -> None:
        self.rows = deque(maxlen=self.capacity)

    def write(self, dones: list[list[bool]], ids: list[list[int]] | None) -> TensorDict:
        """Rows of a write ``[env, time]``, which the model takes in too."""
        single, written = len(dones) == len(dones[0]) == 1, []
        for env, ends in enumerate(dones):
            number, length = next(self.count), 0
            if env == 0 and self.goes_on(single, ids, sum(map(len, dones))):
                number, length = self.open[0], self.open[1]
            for time, done in enumerate(ends):
                if time and (ends[time - 1] or (ids and ids[env][time] != ids[env][time - 1])):
                    number, length = next(self.count), 0
                written.append(episode(1, number=number, start=length, done=done))
                self.rows.append((number, length + 1))
                length += 1
            last = (number, length, ids[env][-1] if ids else None, single)
            self.open = None if ends[-1] else last
        return torch.cat(written).reshape(len(dones), -1)

    def goes_on(self, single: bool, ids: list[list[int]] | None, rows: int) -> bool:
        if self.open is None or self.open[1] + rows > self.capacity:
            return False
        return ids[0][0] == self.open[2] if ids else single and self.open[2:] == (None, True)

    def goals(self, strategy: str, row: tuple[int, int]) -> set[tuple[float, ...]]:
        """Every goal that ``strategy`` may give to an alive row."""
        same = [step for number, step in self.rows if number == row[0]]
        others = {(-1, -number) for number, _ in self.rows if number != row[0]}
        return {
            "future": {(row[0], step) for step in same if step >= row[1]},
            "final": {(row[0], max(same))},
            "episode": {(row[0], step) for step in same},
            "random": set(self.rows),
            "actual": others or {(-1, -row[0])},
        }[strategy]


@st.composite
def writes(draw: st.DrawFn) -> list[tuple[list[list[bool]], list[list[int]] | None, bool]]:
    """Writes ``[env, time]`` of random shape, with random ends, with trajectory ids or without."""
    with_ids, out, number = draw(st.booleans()), [], itertools.count()
    current = [next(number) for _ in range(3)]
    for _ in range(draw(st.integers(1, 12))):
        envs, time = draw(st.sampled_from([(1, 1), (1, 1), (1, 3), (1, 6), (2, 3), (3, 1), (3, 4)]))
        dones = draw(
            st.lists(
                st.lists(st.sampled_from([False, False, True]), min_size=time, max_size=time),
                min_size=envs,
                max_size=envs,
            )
        )
        ids: list[list[int]] = []
        for env, ends in enumerate(dones):
            ids.append([])
            for done in ends:
                ids[-1].append(current[env])
                current[env] = next(number) if done else current[env]
        out.append((dones, ids if with_ids else None, draw(st.booleans())))
    return out


def check_against_model(capacity: int, strategy: str, steps: list, kind: type[ReplayBuffer]) -> None:
    buffer, model = make_buffer(capacity, kind=kind, strategy=strategy, ratio=1.0), Model(capacity)
    for dones, ids, by_add in steps:
        if sum(map(len, dones)) > capacity:
            continue
        data = model.write(dones, ids)
        if ids:
            data["collector", "traj_ids"] = torch.tensor(ids)
        if data.numel() == 1 and by_add:
            buffer.add(data.reshape(()))
        else:
            buffer.extend(data if len(dones) > 1 else data[0])
    if not model.rows:
        return
    batch = drawn(buffer)
    seen = {}
    for row in batch.unbind(0):
        number, step = row["next", "achieved_goal"][0].tolist()
        seen[number, step] = set(map(tuple, row["desired_goal"].unique(dim=0).tolist()))
    assert seen == {row: model.goals(strategy, row) for row in model.rows}
    assert (batch["next", "desired_goal"] == batch["desired_goal"]).all()
    flat = batch.reshape(-1)[:: DRAWS // 20]
    for row in flat.unbind(0):
        achieved, goal = row["next", "achieved_goal"].tolist(), row["desired_goal"].tolist()
        assert row["next", "reward"].item() == sum(1000 * a + g for a, g in zip(achieved, goal, strict=True))


property_arguments = given(
    capacity=st.integers(1, 40),
    strategy=st.sampled_from(["future", "final", "episode", "random", "actual"]),
    steps=writes(),
    kind=st.sampled_from([TensorDictReplayBuffer, ReplayBuffer]),
)


@settings(max_examples=200, deadline=None)
@property_arguments
def test_goals_are_those_of_a_brute_force_model(capacity, strategy, steps, kind):
    check_against_model(capacity, strategy, steps, kind)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@property_arguments
def test_goals_are_those_of_a_brute_force_model_in_many_examples(capacity, strategy, steps, kind):
    check_against_model(capacity, strategy, steps, kind)


@pytest.mark.parametrize("strategy", ["future", "final", "episode"])
def test_read_and_write_draw_the_same_distribution(strategy):
    lengths, copies = (1, 4, 7), 2_000
    episodes = torch.cat([episode(length, number=number) for number, length in enumerate(lengths)])
    read = make_buffer(100, strategy=strategy, k=4, generator=torch.Generator().manual_seed(1))
    read.extend(episodes)
    write = HindsightRelabel(
        reward_fn, strategy=strategy, k=4, mode="write", generator=torch.Generator().manual_seed(2)
    )
    from_read = drawn(read, times=5 * copies).reshape(-1)
    from_write = torch.cat([write.inv(episodes) for _ in range(copies)])
    assert from_read.numel() == from_write.numel() == 12 * 5 * copies  # 120,000 draws of each
    counts = torch.stack([_counts(batch, lengths) for batch in (from_read, from_write)])
    counts = counts[:, counts.sum(0) > 0]
    expected = counts.sum(0) / 2
    # Two-sample test. The number of originals is 1 in 5 by design in the one and a draw in the other, so the
    # pooled expectation is right up to that, and the test is on the conservative side.
    for mode in counts:
        assert chisquare(mode.numpy(), (expected * mode.sum() / expected.sum()).numpy()).pvalue > 1e-3


def _counts(batch: TensorDict, lengths: tuple[int, ...]) -> Tensor:
    """How often each transition met each goal, the original one included."""
    row, goal, top = batch["next", "achieved_goal"].long(), batch["desired_goal"].long(), max(lengths) + 1
    met = torch.where(goal[:, 0] < 0, 0, goal[:, 1])
    cells = (row[:, 0] * top + row[:, 1]) * top + met
    return torch.bincount(cells, minlength=len(lengths) * top * top).double()


ELIGIBLE = {
    "future": lambda same, later, last: same & later,
    "final": lambda same, later, last: same & last,
    "episode": lambda same, later, last: same,
    "random": lambda same, later, last: same | True,
    "actual": lambda same, later, last: ~same,
}


@pytest.mark.parametrize("strategy", ELIGIBLE)
def test_each_strategy_is_uniform_over_the_rows_that_are_alive(strategy):
    buffer = make_buffer(12, strategy=strategy, ratio=1.0)
    for number, length in enumerate((5, 6, 4, 3)):
        buffer.extend(episode(length, number=number))
    stored = buffer.storage.get(torch.arange(12))
    number, step = stored["next", "achieved_goal"].unbind(-1)
    assert number.unique().tolist() == [1, 2, 3]
    last = torch.stack([step == step[number == own].max() for own in number]).diagonal()
    for row, draws in enumerate(drawn(buffer, 10_000).unbind(0)):
        eligible = ELIGIBLE[strategy](number == number[row], step >= step[row], last)
        goals = stored["desired_goal"] if strategy == "actual" else stored["next", "achieved_goal"]
        known, weights = goals[eligible].unique(dim=0, return_counts=True)
        met, counts = draws["desired_goal"].unique(dim=0, return_counts=True)
        assert torch.equal(met, known)
        assert len(counts) == 1 or chisquare(counts, weights.double() / weights.sum() * 10_000).pvalue > 1e-5


def test_a_ratio_is_a_share_of_the_rows():
    buffer = make_buffer(100, strategy="future", ratio=0.5)
    buffer.extend(episode(8))
    assert abs(drawn(buffer, 100_000)["hindsight", "relabelled"][0].double().mean() - 0.5) < 0.01


def test_a_mixture_has_its_weights():
    buffer = make_buffer(100, strategy={"future": 0.4, "actual": 0.4, "real": 0.2})
    buffer.extend(torch.cat([episode(5, number=number) for number in range(4)]))
    batch = drawn(buffer, 20_000)[:5].reshape(-1)  # rows of episode 0
    desired, offset = batch["desired_goal"], batch["hindsight", "offset"]
    own, other = (desired == torch.tensor([-1.0, 0.0])).all(-1), (desired[:, 0] == -1) & (desired[:, 1] < 0)
    shares = [own.double().mean(), other.double().mean(), (desired[:, 0] == 0).double().mean()]
    assert torch.stack(shares).sub(torch.tensor([0.2, 0.4, 0.4])).abs().max() < 0.01
    assert (batch["hindsight", "relabelled"] == ~own).all()
    assert (offset[own] == 0).all()
    assert (offset[desired[:, 0] == 0] <= 4).all()


def test_rows_are_drawn_one_by_one_and_not_the_first_ones():
    buffer = make_buffer(1000, k=4)
    buffer.extend(episode(1000))
    masks = torch.stack([buffer.sample(50)["hindsight", "relabelled"] for _ in range(400)]).double()
    assert masks.mean(0).min() > 0.7
    assert masks.mean(0).max() < 0.9
    assert masks.sum(1).std() > 2  # binomial: 2.8


def test_write_mode_stores_k_goals_a_transition_and_needs_no_storage():
    buffer = ReplayBuffer(
        storage=ListStorage(1000), transform=HindsightRelabel(reward_fn, mode="write", k=3), batch_size=8
    )
    buffer.extend(torch.stack([episode(5, number=0), episode(5, number=1)]))
    rows = torch.stack([buffer.storage[i] for i in range(len(buffer))])
    assert rows.shape == (40,)
    assert rows["hindsight", "relabelled"].sum() == 30
    moved = rows[rows["hindsight", "relabelled"]]
    assert (moved["desired_goal"][:, 0] == moved["next", "achieved_goal"][:, 0]).all()
    assert (moved["desired_goal"][:, 1] - moved["next", "achieved_goal"][:, 1] == moved["hindsight", "offset"]).all()
    assert (moved["next", "reward"] == reward_fn(moved["next", "achieved_goal"], moved["desired_goal"])).all()
    assert buffer.sample()["hindsight", "relabelled"].shape == (8,)


def test_a_row_whose_goal_was_overwritten_gets_its_own_outcome():
    buffer = make_buffer(10, strategy="final", ratio=1.0)
    index = buffer.extend(episode(10, number=1))
    rows = buffer.storage.get(index)  # as a prefetching thread holds them
    buffer.extend(episode(4, number=2))
    buffer.extend(episode(6, number=3))
    batch = relabel_of(buffer)(rows)
    assert (batch["desired_goal"] == batch["next", "achieved_goal"]).all()
    assert (batch["hindsight", "offset"] == 0).all()


def test_a_thread_that_writes_never_leaks_a_foreign_goal():
    buffer = make_buffer(60, strategy="final", ratio=1.0)
    buffer.extend(episode(50, number=0))
    stop = threading.Event()

    def write() -> None:
        for number in itertools.count(1):
            if stop.is_set():
                return
            buffer.extend(episode(20 + number % 7, number=number))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        batches = torch.cat([buffer.sample(64) for _ in range(2000)])
    finally:
        stop.set()
        writer.join()
    assert batches["desired_goal"][:, 0].unique().numel() > 5
    assert (batches["desired_goal"][:, 0] == batches["next", "achieved_goal"][:, 0]).all()


def test_prefetching_threads_relabel():
    storage = LazyTensorStorage(200)
    transform = HindsightRelabel(reward_fn, storage, ratio=1.0)
    buffer = TensorDictReplayBuffer(storage=storage, transform=transform, batch_size=32, prefetch=3)
    for number in range(12):
        buffer.extend(episode(40, number=number))
        for _ in range(5):
            batch = buffer.sample()
            assert (batch["desired_goal"][:, 0] == batch["next", "achieved_goal"][:, 0]).all()


@pytest.mark.parametrize("storage_type", [LazyTensorStorage, LazyMemmapStorage])
@pytest.mark.parametrize("writer", [TensorDictRoundRobinWriter, None])
def test_storages_and_writers(storage_type, writer):
    storage = storage_type(30)
    transform = HindsightRelabel(reward_fn, storage, ratio=1.0, strategy="episode")
    options = {} if writer is None else {"writer": writer()}
    buffer = ReplayBuffer(storage=storage, transform=transform, batch_size=16, **options)
    for number in range(9):
        buffer.extend(episode(7, number=number))
    batch = drawn(buffer, 50).reshape(-1)
    assert (batch["desired_goal"][:, 0] == batch["next", "achieved_goal"][:, 0]).all()


def test_single_transitions_make_up_episodes():
    buffer = make_buffer(100, strategy="final", ratio=1.0)
    for number in range(3):
        for row in episode(6, number=number).unbind(0):
            buffer.add(row)
    batch = drawn(buffer, 1).reshape(-1)
    assert batch["desired_goal"].tolist() == [[number, 6] for number in range(3) for _ in range(6)]


def test_trajectory_ids_part_a_flat_write_of_several_environments():
    buffer = make_buffer(100, strategy="episode", ratio=1.0)
    data = torch.cat([episode(5, number=number, done=False) for number in range(4)])
    data["collector", "traj_ids"] = torch.arange(4).repeat_interleave(5)
    buffer.extend(data)
    batch = drawn(buffer, 100)
    assert (batch["desired_goal"][..., 0] == batch["next", "achieved_goal"][..., 0]).all()


def test_emptying_starts_afresh():
    buffer = make_buffer(10, strategy="random", ratio=1.0)
    buffer.extend(episode(10, number=1))
    buffer.extend(episode(5, number=2))
    buffer.empty()
    buffer.extend(episode(4, number=3))
    assert (drawn(buffer, 100)["desired_goal"][..., 0] == 3).all()


def test_fake_data_of_collectors_leave_no_trace():
    for mode, zeros in itertools.product(("read", "write"), (torch.Size([1]), torch.Size([3, 1]))):
        storage = LazyTensorStorage(50)
        buffer = TensorDictReplayBuffer(
            storage=storage, transform=HindsightRelabel(reward_fn, storage, mode=mode, k=1, strategy="episode")
        )
        fake = episode(1).zero_()[0].expand(zeros).clone()
        fake["collector", "traj_ids"] = torch.zeros(zeros, dtype=torch.long)
        buffer.extend(fake)
        buffer.empty()
        data = episode(5, number=3)
        data["collector", "traj_ids"] = torch.zeros(5, dtype=torch.long)
        buffer.extend(data)
        assert (buffer.sample(100)["next", "achieved_goal"][:, 0] == 3).all()


def test_success_terminated_tasks():
    storage = LazyTensorStorage(50)
    transform = HindsightRelabel(
        reward_fn, storage, strategy={"final": 1, "real": 1}, terminated_fn=lambda a, d: (a == d).all(-1, keepdim=True)
    )
    buffer = TensorDictReplayBuffer(storage=storage, transform=transform)
    buffer.extend(episode(5))
    batch = drawn(buffer, 50).reshape(-1)
    met = (batch["next", "achieved_goal"] == batch["desired_goal"]).all(-1, keepdim=True)
    last = batch["next", "truncated"]
    assert met.any()
    assert (batch["next", "terminated"] == met).all()
    assert (batch["next", "done"] == (met | last)).all()


def test_done_keeps_a_time_limit_where_truncated_is_not_stored():
    storage = LazyTensorStorage(50)
    transform = HindsightRelabel(
        reward_fn, storage, strategy="future", terminated_fn=lambda a, d: (a == d).all(-1, keepdim=True)
    )
    buffer = TensorDictReplayBuffer(storage=storage, transform=transform)
    buffer.extend(episode(5).exclude(("next", "truncated")))
    batch = drawn(buffer, 50)
    assert batch["next", "done"][-1].all()
    assert not batch["next", "terminated"][-1].all()


def test_nested_and_renamed_keys():
    data = episode(6).rename_key_("desired_goal", ("agent", "goal")).rename_key_("achieved_goal", ("agent", "at"))
    inner = data["next"].rename_key_("desired_goal", ("agent", "goal")).rename_key_("achieved_goal", ("agent", "at"))
    data["next"] = (
        inner.rename_key_("reward", ("agent", "reward")).rename_key_("done", "over").rename_key_("truncated", "cut")
    )
    keys = {"achieved_goal_key": ("agent", "at"), "desired_goal_key": ("agent", "goal"), "done_key": "over"}
    buffer = make_buffer(50, strategy="final", ratio=1.0, reward_key=("agent", "reward"), truncated_key="cut", **keys)
    buffer.extend(data)
    batch = drawn(buffer, 3).reshape(-1)
    assert (batch["agent", "goal"] == torch.tensor([0.0, 6.0])).all()
    assert (batch["next", "agent", "reward"] == reward_fn(batch["next", "agent", "at"], batch["agent", "goal"])).all()


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.uint8, torch.bool])
@pytest.mark.parametrize("mode", ["read", "write"])
def test_goals_of_any_shape_and_dtype(shape, dtype, mode):
    storage = LazyTensorStorage(50)
    transform = HindsightRelabel(
        lambda a, d: (a == d).reshape(len(a), -1).all(-1, keepdim=True), storage, mode=mode, strategy="final", k=1
    )
    buffer = TensorDictReplayBuffer(storage=storage, transform=transform)
    data, goals = episode(6), torch.randint(2, (6, *shape)).to(dtype)
    data["desired_goal"] = data["next", "desired_goal"] = torch.zeros_like(goals)
    data["next", "achieved_goal"] = goals
    buffer.extend(data.exclude("achieved_goal"))
    batch = buffer.sample(200)
    mask = batch["hindsight", "relabelled"]
    assert batch["desired_goal"].dtype == dtype
    assert (batch["desired_goal"][mask] == goals[-1]).all()
    assert (batch["desired_goal"][~mask] == 0).all()
    assert batch["next", "reward"].dtype == torch.float32


def test_what_follows_sees_the_new_goal():
    storage = LazyTensorStorage(50)
    join = CatTensors(["observation", "desired_goal"], "state", del_keys=False, sort=False)
    buffer = TensorDictReplayBuffer(storage=storage, transform=Compose(HindsightRelabel(reward_fn, storage), join))
    buffer.extend(episode(20))
    batch = buffer.sample(100)
    assert (batch["state"][:, 2:] == batch["desired_goal"]).all()


def test_a_seed_decides_every_draw():
    def run(seed: int) -> Tensor:
        buffer = make_buffer(50, strategy="future", generator=torch.Generator().manual_seed(seed))
        buffer.extend(episode(20))
        return drawn(buffer, 20)["desired_goal"]

    assert (run(1) == run(1)).all()
    assert (run(1) != run(2)).any()


def test_state_dict_restores_draws_and_data():
    first, second = (
        make_buffer(50, strategy="episode", ratio=1.0, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)
    )
    for number in range(12):
        first.extend(episode(7, number=number))
    drawn(first, 3)
    second.load_state_dict(first.state_dict())
    assert (drawn(first, 30)["desired_goal"] == drawn(second, 30)["desired_goal"]).all()
    for buffer in (first, second):
        buffer.extend(episode(5, number=99))
    assert (drawn(first, 30)["desired_goal"] == drawn(second, 30)["desired_goal"]).all()


@pytest.mark.parametrize("by_files", [False, True])
def test_an_episode_written_after_loading_is_none_of_those_loaded(by_files, tmp_path):
    first, second = (make_buffer(50, ratio=1.0) for _ in range(2))
    for number, length in enumerate((10, 20, 30)):  # the second begins at slot 10, and so does the next write
        first.extend(episode(length, number=number))
    if by_files:
        first.dumps(tmp_path)
        second.loads(tmp_path)
    else:
        second.load_state_dict(first.state_dict())
    loaded = second.storage.get(torch.arange(50))
    rows = second.storage.get(torch.arange(10, 30))  # as a prefetching thread holds them
    written = second.storage.get(second.extend(episode(5, number=9)))
    assert not torch.isin(written["hindsight", "trajectory"], loaded["hindsight", "trajectory"]).any()
    for _ in range(20):
        assert (relabel_of(second)(rows.clone())["desired_goal"][:, 0] == 1).all()


def test_dumps_and_loads(tmp_path):
    first, second = (make_buffer(50, strategy="episode", generator=torch.Generator().manual_seed(s)) for s in (1, 2))
    for number in range(9):
        first.extend(episode(7, number=number))
    first.dumps(tmp_path)
    second.extend(episode(1))
    second.loads(tmp_path)
    assert (drawn(first, 30)["desired_goal"] == drawn(second, 30)["desired_goal"]).all()


@pytest.mark.parametrize("index", [3, torch.tensor([[0, 1, 2], [3, 4, 5]]), slice(2, 4), [1, 2]])
def test_rows_can_be_read_in_any_shape(index):
    buffer = make_buffer(20)
    buffer.extend(episode(8))
    rows = buffer[index]
    assert rows.batch_size == torch.empty(20)[index].shape
    assert rows["desired_goal"].shape == (*rows.batch_size, 2)
    assert rows["hindsight", "relabelled"].shape == rows.batch_size


def test_a_state_saved_without_a_generator_leaves_the_generator_as_it_is():
    relabel = HindsightRelabel(reward_fn, LazyTensorStorage(5), generator=torch.Generator().manual_seed(3))
    relabel.load_state_dict(HindsightRelabel(reward_fn, LazyTensorStorage(5)).state_dict())
    assert torch.equal(relabel.generator.get_state(), torch.Generator().manual_seed(3).get_state())


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_write_of_nothing_is_refused(mode):
    with pytest.raises(UsageError, match="no transitions"):
        make_buffer(20, mode=mode).extend(episode(8)[:0])


def test_pickle_keeps_the_pieces_together():
    buffer = make_buffer(50, strategy="episode", ratio=1.0, generator=torch.Generator().manual_seed(3))
    buffer.extend(episode(20, done=False))
    copy = pickle.loads(pickle.dumps(buffer))
    assert relabel_of(copy).storage is copy.storage
    assert (drawn(copy, 5)["desired_goal"] == drawn(buffer, 5)["desired_goal"]).all()
    copy.add(episode(1, number=5)[0])
    assert (drawn(copy, 5)["desired_goal"][..., 0] == torch.tensor([0.0] * 20 + [5.0]).unsqueeze(-1)).all()


def test_write_of_a_relabelled_batch_annotates_it_anew():
    buffer, other = make_buffer(50), make_buffer(50, strategy="final", ratio=1.0)
    buffer.extend(episode(20))
    other.extend(buffer.storage.get(torch.arange(20)))
    assert (drawn(other, 2)["desired_goal"] == torch.tensor([0.0, 20.0])).all()


def test_writing_leaves_the_callers_data_alone():
    data = episode(20)
    before, goals = set(data.keys(True, True)), data["desired_goal"].clone()
    make_buffer(50).extend(data)
    assert set(data.keys(True, True)) - before <= {"index"}
    assert (data["desired_goal"] == goals).all()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"k": -1}, "k is -1"),
        ({"k": float("nan")}, "k is nan"),
        ({"ratio": 1.5}, "ratio is 1.5"),
        ({"ratio": 0.5, "strategy": {"future": 1, "real": 1}}, "ratio is 0.5"),
        ({"strategy": "past"}, "strategy is 'past'"),
        ({"strategy": "real"}, "strategy is 'real'"),
        ({"strategy": {"past": 1.0}}, "strategy is {'past': 1.0}"),
        ({"strategy": {"future": -1.0}}, "strategy is {'future': -1.0}"),
        ({"strategy": {}}, "strategy is {}"),
        ({"mode": "both"}, "mode is 'both'"),
        ({"mode": "write", "k": 1.5}, "k is 1.5"),
        ({"mode": "write", "ratio": 0.8}, "ratio"),
        ({"mode": "write", "strategy": "actual"}, "one write only"),
        ({"mode": "write", "strategy": {"future": 1, "random": 1}}, "random"),
        ({"mode": "write", "strategy": {"future": 1, "real": 1}}, "real"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, named):
    with pytest.raises(UsageError) as error:
        HindsightRelabel(reward_fn, LazyTensorStorage(10), **arguments)
    assert named in str(error.value)


@pytest.mark.parametrize("storage", [None, ListStorage(10), LazyTensorStorage(10, ndim=2)])
def test_storages_that_are_no_ring_are_refused(storage):
    with pytest.raises(UsageError, match=r"LazyTensorStorage|ndim=1"):
        HindsightRelabel(reward_fn, storage)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"writer": TensorDictMaxValueWriter(rank_key="observation")}, "TensorDictMaxValueWriter"),
        ({"sampler": SliceSampler(slice_len=2)}, "SliceSampler"),
        ({"consume_after_n_samples": 1}, "ConsumingSampler"),
        ({"sample_unit": Sequence(length=2)}, "Sequence"),
    ],
)
def test_buffers_that_break_the_order_of_time_are_refused(options, named):
    storage = LazyTensorStorage(10)
    buffer = TensorDictReplayBuffer(storage=storage, transform=HindsightRelabel(reward_fn, storage), **options)
    with pytest.raises(UsageError, match=named):
        buffer.extend(episode(5))


def test_a_storage_of_no_buffer_or_of_another_is_refused():
    buffer = TensorDictReplayBuffer(
        storage=LazyTensorStorage(10), transform=HindsightRelabel(reward_fn, LazyTensorStorage(10))
    )
    with pytest.raises(UsageError, match="belongs to no replay buffer"):
        buffer.extend(episode(5))
    other = make_buffer(10)
    rows = make_buffer(10)
    rows.extend(episode(5))
    with pytest.raises(UsageError, match="storage is empty"):
        relabel_of(other)(rows.storage.get(torch.arange(3)))


@pytest.mark.parametrize("mode", ["read", "write"])
@pytest.mark.parametrize("key", ["desired_goal", ("next", "achieved_goal"), ("next", "reward"), ("next", "done")])
def test_missing_keys_are_named(mode, key):
    with pytest.raises(UsageError) as error:
        make_buffer(10, mode=mode).extend(episode(5).exclude(key))
    assert str(key) in str(error.value)
    assert ("compact_obs" in str(error.value)) == (key == ("next", "achieved_goal"))


def test_rows_written_without_the_transform_are_refused():
    buffer = make_buffer(10)
    transform, buffer._transform = buffer._transform, None
    buffer.extend(episode(5))
    with pytest.raises(UsageError, match="remaining"):
        transform[0](buffer.storage.get(torch.arange(3)))


def test_a_write_longer_than_the_ring_is_refused():
    with pytest.raises(UsageError, match="11 transitions"):
        make_buffer(10).extend(episode(11))


@pytest.mark.parametrize("kind", [TensorDictReplayBuffer, ReplayBuffer])
def test_write_mode_refuses_single_transitions(kind):
    with pytest.raises(UsageError, match="extend"):
        make_buffer(10, kind=kind, mode="write").add(episode(5)[0])


def test_a_reward_of_the_wrong_shape_is_refused():
    storage = LazyTensorStorage(10)
    buffer = TensorDictReplayBuffer(storage=storage, transform=HindsightRelabel(lambda a, d: (a == d).all(-1), storage))
    buffer.extend(episode(5))
    with pytest.raises(UsageError, match=r"\(7,\).*\(7, 1\)"):
        buffer.sample(7)


def test_the_choice_of_goals_stands_alone():
    buffer = make_buffer(50, strategy="final", ratio=1.0)
    buffer.extend(torch.cat([episode(5, number=number) for number in range(3)]))
    rows = buffer.storage.get(torch.tensor([0, 7]))
    choice = relabel_of(buffer).choose(rows)
    assert choice.slot.tolist() == [4, 9]
    assert relabel_of(buffer).goals(rows, choice).tolist() == [[0, 5], [1, 5]]
    assert (rows["desired_goal"][:, 0] == -1).all()
