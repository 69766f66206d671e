"""What FusedLearner takes, and what it does beside the gradients."""

import copy
from collections.abc import Iterator

import pytest
import torch
import torch._dynamo.testing
from helpers.batches import DIMS, random_batch
from torchrl.objectives import DDPGLoss

from sher_rl import (
    FusedLearner,
    MultiGoalDDPGLoss,
    SoftMultiGoalLoss,
    UsageError,
    fast_dtype,
    make_ddpg_networks,
    make_networks,
)
from sher_rl.learners.fused.layers import Gradients
from sher_rl.processor import torch_threads

RATES = {"actor_lr": 1e-3, "critic_lr": 1e-3, "polyak": 0.9}


def make_loss(*hidden: int, **options) -> MultiGoalDDPGLoss:
    """Over networks with biases, which begin at 0 otherwise."""
    networks = make_ddpg_networks(DIMS, hidden)
    with torch.no_grad():
        for parameter in (p for network in networks for p in network.parameters()):
            parameter.add_(0.2 * torch.randn_like(parameter))
    return MultiGoalDDPGLoss(*networks, **({"gamma": 0.9, "action_l2": 1.0} | options))


@pytest.mark.parametrize("options", [{"reduction": "sum"}, {"reduction": "none"}])
def test_a_loss_that_the_fused_gradient_is_not_of_is_refused(options: dict) -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9, **options)
    with pytest.raises(UsageError, match=r"loss has reduction .* use sher_rl.Learner"):
        FusedLearner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9, compile=False)


def test_another_loss_is_refused() -> None:
    loss = DDPGLoss(*make_ddpg_networks(DIMS, (16,)))
    with pytest.raises(UsageError, match=r"loss is a DDPGLoss, .* use sher_rl.Learner"):
        FusedLearner(loss, **RATES, compile=False)


@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_another_reduction_is_refused(reduction: str) -> None:
    with pytest.raises(UsageError, match=r"loss has reduction .* use sher_rl.Learner"):
        FusedLearner(make_loss(16, reduction=reduction), **RATES, compile=False)


def test_renamed_keys_and_rows_of_several_steps_are_refused() -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9)
    learner = FusedLearner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9, compile=False)
    with pytest.raises(UsageError, match="steps_to_next_obs"):
        learner.step(random_batch(4).set("steps_to_next_obs", torch.full((4, 1), 3)))
    loss.set_keys(reward="other")
    with pytest.raises(UsageError, match=r"renamed keys \['reward'\]"):
        FusedLearner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9, compile=False)


def test_renamed_keys_and_rows_of_several_steps_are_refused_of_the_baseline() -> None:
    loss = make_loss(16)
    learner = FusedLearner(loss, **RATES, compile=False)
    with pytest.raises(UsageError, match="steps_to_next_obs"):
        learner.step(random_batch(4).set("steps_to_next_obs", torch.full((4, 1), 3)))
    loss.set_keys(reward="other")
    with pytest.raises(UsageError, match=r"renamed keys \['reward'\]"):
        FusedLearner(loss, **RATES, compile=False)


def test_a_step_that_is_not_finite_is_not_taken() -> None:
    loss, batch = make_loss(16), random_batch(8)
    learner = FusedLearner(loss, **RATES, compile=False)
    learner.step(batch)
    before, state = copy.deepcopy(loss.state_dict()), copy.deepcopy(learner.state_dict())
    batch["next", "reward"][3] = torch.nan
    assert learner.step(batch)["loss_qvalue"].isnan()
    assert learner.steps == 1
    torch.testing.assert_close(dict(loss.state_dict()), dict(before), rtol=0, atol=0)
    torch.testing.assert_close(learner.state_dict()["optimizer"]["state"], state["optimizer"]["state"], rtol=0, atol=0)


def test_fast_dtype_is_one_the_learner_takes() -> None:
    assert fast_dtype() in (torch.float32, torch.bfloat16)


@pytest.fixture
def two_threads() -> Iterator[None]:
    with torch_threads(2):
        yield


def test_gradients_are_the_same_on_one_thread(two_threads: None) -> None:
    learner = FusedLearner(make_loss(32), **RATES, compile=False)
    assert not learner.same_on_one_thread()  # nothing is known before the first step
    learner.step(random_batch(64))
    state = torch.get_rng_state()
    assert learner.same_on_one_thread()
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_steps_are_the_same_if_the_threads_change(two_threads: None, dtype: torch.dtype) -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (64, 64)), alpha=0.1, gamma=0.9)
    other = copy.deepcopy(loss)
    batches = [random_batch(256) for _ in range(4)]
    for each, threads in ((loss, [2, 2, 2, 2]), (other, [2, 1, 2, 1])):
        learner = FusedLearner(each, **RATES, dtype=dtype, compile=False)
        torch.manual_seed(1)
        for batch, count in zip(batches, threads, strict=True):
            with torch_threads(count):
                learner.step(batch.clone())
    for (name, p), (_, q) in zip(loss.state_dict().items(), other.state_dict().items(), strict=True):
        assert torch.equal(p, q), name


def test_gradients_of_other_bits_are_told_apart() -> None:
    one = Gradients(torch.ones(2), torch.ones(2), torch.ones(3), {"loss_actor": torch.tensor(1.0)})
    assert one.equals(one._replace(critic=torch.ones(2)))
    assert not one.equals(one._replace(critic=torch.tensor([1.0, 1.0 + 1e-7])))
    assert not one.equals(one._replace(statistics={"loss_actor": torch.tensor(2.0)}))
