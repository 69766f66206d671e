"""What the written-out gradients are not of is refused: by the loss and the batch, or by autograd on the first one."""

from collections.abc import Callable

import pytest
import torch
from helpers.batches import DIMS, random_batch
from helpers.losses import RATES, ddpg_loss, mlp, qvalue, soft_loss
from tensordict import TensorDictBase
from torchrl.objectives import ValueEstimators

from sher_rl import FusedLearner, SoftMultiGoalLoss, TwoStreamCritic, UsageError, make_networks
from sher_rl.modules.critics import TWO_STREAM_Q, DotProduct


def test_a_hook_on_a_stream_fails_on_the_first_batch() -> None:
    critic = TwoStreamCritic(DIMS, TWO_STREAM_Q, (16,), 4, DotProduct())
    critic.streams[1].register_forward_hook(lambda module, inputs, output: 2 * output)
    with pytest.raises(UsageError, match=r"loss computes .*, the written-out gradients .*; use sher_rl.Learner"):
        FusedLearner(soft_loss(qvalue=qvalue(critic)), **RATES).step(random_batch(8))


def test_a_subclass_of_a_loss_is_refused_as_it_may_compute_anything() -> None:
    class Shifted(SoftMultiGoalLoss):
        def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
            return super().forward(tensordict) + 100

    with pytest.raises(UsageError, match=r"loss is a Shifted, .* use sher_rl.Learner"):
        FusedLearner(Shifted(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9), **RATES)


def test_options_that_torchrl_keeps_beside_the_constructor_are_refused() -> None:
    for name, value in (("loss_mask_key", "valid"), ("use_prioritized_weights", False)):
        loss = soft_loss()
        setattr(loss, name, value)
        with pytest.raises(UsageError, match=f"loss has {name} {value!r}"):
            FusedLearner(loss, **RATES)
    loss = ddpg_loss()
    loss.loss_function = "smooth_l1"
    with pytest.raises(UsageError, match="loss has loss_function 'smooth_l1'"):
        FusedLearner(loss, **RATES)


def test_a_batch_with_a_mask_is_refused() -> None:
    batch = random_batch(8).set(("collector", "mask"), torch.ones(8, 1, dtype=torch.bool))
    with pytest.raises(UsageError, match=r"\('collector', 'mask'\)"):
        FusedLearner(soft_loss(), **RATES).step(batch)


@pytest.mark.parametrize("make_loss", [soft_loss, ddpg_loss])
def test_what_the_structure_does_not_show_fails_on_the_first_batch(make_loss: Callable) -> None:
    doubled = mlp(11)
    doubled.register_forward_hook(lambda module, inputs, output: 2 * output)
    loss = make_loss(qvalue=qvalue(doubled))
    before = {name: value.clone() for name, value in loss.state_dict().items()}
    with pytest.raises(UsageError, match=r"loss computes .*, the written-out gradients .*; use sher_rl.Learner"):
        FusedLearner(loss, **RATES).step(random_batch(8))
    assert all(torch.equal(value, before[name]) for name, value in loss.state_dict().items())


@pytest.mark.parametrize("make_loss", [soft_loss, ddpg_loss])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_check_draws_nothing_and_leaves_the_batch_alone(make_loss: Callable, dtype: torch.dtype) -> None:
    checked, batch = FusedLearner(make_loss(), **RATES, dtype=dtype), random_batch(8)
    keys = set(batch.keys(True))
    torch.manual_seed(1)
    checked.step(batch)
    after = torch.rand(1)
    torch.manual_seed(1)
    checked.step(batch)
    assert torch.equal(torch.rand(1), after)
    assert set(batch.keys(True)) == keys | {"td_error"}


def test_a_first_batch_with_nan_is_not_held_against_the_loss() -> None:
    learner, batch = FusedLearner(soft_loss(), **RATES), random_batch(8)
    batch["next", "reward"][0] = torch.nan
    assert learner.step(batch)["loss_qvalue"].isnan()
    assert learner.steps == 0
    learner.step(random_batch(8))
    assert learner.steps == 1


def test_another_estimator_is_refused_before_and_after() -> None:
    loss = ddpg_loss()
    learner = FusedLearner(loss, **RATES)
    learner.step(random_batch(8))
    loss.make_value_estimator(ValueEstimators.TDLambda)
    for attempt in (lambda: learner.step(random_batch(8)), lambda: FusedLearner(loss, **RATES)):
        with pytest.raises(UsageError, match=r"loss\.value_estimator is a TDLambdaEstimator"):
            attempt()
