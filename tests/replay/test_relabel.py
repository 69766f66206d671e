"""HindsightRelabel: what a batch gets, its state, and where it has to refuse."""

from __future__ import annotations

import pickle

import pytest
import torch
from helpers.episodes import drawn, episode, make_buffer, relabel_of, reward_fn
from torch import Tensor
from torchrl.data import LazyTensorStorage, ListStorage, ReplayBuffer, TensorDictReplayBuffer
from torchrl.envs import CatTensors, Compose

from sher_rl import HindsightRelabel, UsageError


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
