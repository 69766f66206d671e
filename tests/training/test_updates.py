import torch
from tensordict import TensorDict
from torchrl.data import LazyTensorStorage, PrioritizedSampler, RandomSampler, TensorDictReplayBuffer

from sher_rl.training.updates import TOGETHER, minibatches


def buffer(sampler: RandomSampler | PrioritizedSampler) -> TensorDictReplayBuffer:
    filled = TensorDictReplayBuffer(storage=LazyTensorStorage(100), sampler=sampler)
    filled.extend(TensorDict({"number": torch.arange(100)}, [100]))
    return filled


def draws(filled: TensorDictReplayBuffer, monkeypatch) -> list[int]:
    """Sizes of the requests that reach a buffer."""
    sizes = []
    sample = filled.sample

    def counted(size: int) -> TensorDict:
        sizes.append(size)
        return sample(size)

    monkeypatch.setattr(filled, "sample", counted)
    return sizes


def test_many_batches_are_drawn_at_once_and_all_of_one_size(monkeypatch) -> None:
    filled = buffer(RandomSampler())
    sizes = draws(filled, monkeypatch)
    batches = list(minibatches(filled, TOGETHER // 4, 10))
    assert [len(batch) for batch in batches] == [TOGETHER // 4] * 10
    assert sizes == [TOGETHER, TOGETHER, TOGETHER // 2]


def test_batches_larger_than_that_come_one_by_one(monkeypatch) -> None:
    filled = buffer(RandomSampler())
    sizes = draws(filled, monkeypatch)
    assert len(list(minibatches(filled, 2 * TOGETHER, 2))) == 2
    assert sizes == [2 * TOGETHER] * 2


def test_priorities_can_follow_each_batch(monkeypatch) -> None:
    filled = buffer(PrioritizedSampler(100, alpha=0.6, beta=0.4))
    sizes = draws(filled, monkeypatch)
    assert len(list(minibatches(filled, 8, 3))) == 3
    assert sizes == [8, 8, 8]
