"""CHERSampler in real buffers: what is kept, with which goals, and where it has to refuse."""

from __future__ import annotations

import pytest
import torch
from helpers.cher import NEAREST, distance, drawn, episodes, make_buffer, record, relabel_of, seeded
from helpers.episodes import reward_fn
from torchrl.data import LazyMemmapStorage, LazyTensorStorage, RandomSampler, ReplayBuffer, TensorDictReplayBuffer
from torchrl.envs import CatTensors

from sher_rl import CHERSampler, HindsightRelabel, UsageError
from sher_rl.functional.curriculum import proximity


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


@pytest.mark.parametrize("min_motion", [0.0, 0.8])
@pytest.mark.parametrize("strategy", ["next", "random", "actual", {"future": 1, "actual": 1, "real": 1}])
def test_goals_of_every_strategy_are_handed_over(strategy, min_motion):
    storage = LazyTensorStorage(1000)
    relabel = HindsightRelabel(reward_fn, storage, strategy=strategy, min_motion=min_motion)
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
    huge = CHERSampler(relabel_of(buffer), lambda_growth=1.0, lambda_period=10**300)
    assert huge._weights(3).tolist() == [1, 2, 4]
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


def test_its_repr_says_how_it_chooses():
    sampler = make_buffer().sampler
    assert repr(sampler) == "CHERSampler(pool_ratio=2, num_neighbors=1, selection='stochastic', goal='full', lambda=1)"
