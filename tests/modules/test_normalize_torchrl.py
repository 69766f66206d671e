"""What TorchRL's battery for transforms asks of its own, where it applies to a transform of replay buffers."""

import copy

import pytest
import torch
from helpers.batches import DIMS, random_batch
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.data import LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer
from torchrl.envs import Compose, TransformedEnv

from sher_rl import GoalDims, GoalNormalizer, UsageError, make_env

KEYS = ["observation", "desired_goal", ("next", "observation"), ("next", "desired_goal")]


@pytest.fixture
def normalizer() -> GoalNormalizer:
    made = GoalNormalizer(DIMS)
    made.update(random_batch(100))
    return made


def expected(normalizer: GoalNormalizer, batch):
    norms = {"observation": normalizer.observation, "desired_goal": normalizer.goal}
    return {key: norms[key if isinstance(key, str) else key[-1]].normalize(batch[key]) for key in KEYS}


def assert_normalized(normalizer: GoalNormalizer, raw, batch) -> None:
    for key, value in expected(normalizer, raw).items():
        torch.testing.assert_close(batch[key], value)
    rest = batch.exclude(*KEYS, "index")
    assert (rest == raw.exclude(*KEYS, "index")).all()


@pytest.mark.parametrize("rows", [(8,), (2, 4)])
def test_alone_and_composed_it_changes_its_keys_and_no_other(normalizer: GoalNormalizer, rows: tuple) -> None:
    raw = random_batch(8).reshape(rows)
    assert_normalized(normalizer, raw, normalizer(raw.clone()))
    assert_normalized(normalizer, raw, Compose(Compose(normalizer))(raw.clone()))
    assert normalizer.in_keys == normalizer.out_keys == KEYS


@pytest.mark.parametrize("kind", [ReplayBuffer, TensorDictReplayBuffer])
def test_in_a_buffer_it_normalises_what_is_read_and_not_what_is_written(normalizer: GoalNormalizer, kind: type) -> None:
    buffer = kind(storage=LazyTensorStorage(8), transform=Compose(normalizer), batch_size=8)
    raw = random_batch(8)
    buffer.extend(raw.clone())
    assert (buffer.storage[:].select(*KEYS) == raw.select(*KEYS)).all()
    assert_normalized(normalizer, raw, buffer[:])
    assert_normalized(normalizer, raw, buffer[:])  # the whole of a full buffer is its storage, not a copy


def test_before_a_module(normalizer: GoalNormalizer) -> None:
    net = TensorDictModule(nn.Identity(), ["observation"], ["out"])
    raw = random_batch(8)
    torch.testing.assert_close(
        nn.Sequential(normalizer, net)(raw.clone())["out"], expected(normalizer, raw)["observation"]
    )


def test_a_copy_and_a_restored_one_normalise_alike_and_alone(normalizer: GoalNormalizer) -> None:
    restored, raw = GoalNormalizer(DIMS), random_batch(8)
    restored.load_state_dict(normalizer.state_dict())
    for other in (copy.deepcopy(normalizer), restored):
        assert_normalized(normalizer, raw, other(raw.clone()))
        other.update(raw)
    assert normalizer.observation.count == 100


def test_in_an_environment_it_says_where_it_belongs() -> None:
    env = make_env("FetchReach-v4")
    with pytest.raises(UsageError, match="GoalNormalizer belongs in a replay buffer, not in an environment"):
        TransformedEnv(env, GoalNormalizer(GoalDims.of(env))).rollout(2)
