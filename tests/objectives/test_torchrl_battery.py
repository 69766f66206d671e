"""What TorchRL asks of its losses in ``LossModuleTestBase``, which is not installed with it."""

import copy
from collections.abc import Callable

import pytest
import torch
from helpers.batches import DIMS, random_batch
from tensordict import TensorDict
from torch import nn
from torchrl.objectives import LossModule, SoftUpdate

from sher_rl import (
    MultiGoalDDPGLoss,
    SoftMultiGoalLoss,
    SoftQLoss,
    UsageError,
    make_ddpg_networks,
    make_networks,
    make_soft_q_networks,
)


def soft_loss(**options) -> SoftMultiGoalLoss:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (16, 16)), **({"alpha": 0.1, "gamma": 0.9} | options))
    SoftUpdate(loss, eps=0.9)
    return loss


def ddpg_loss(**options) -> MultiGoalDDPGLoss:
    loss = MultiGoalDDPGLoss(*make_ddpg_networks(DIMS, (16, 16)), gamma=0.9, action_l2=1.0, **options)
    SoftUpdate(loss, eps=0.9)
    return loss


def soft_q_loss(**options) -> SoftQLoss:
    loss = SoftQLoss(*make_soft_q_networks(DIMS, (16, 16)), **({"alpha": 0.1, "gamma": 0.9} | options))
    SoftUpdate(loss, eps=0.9)
    return loss


each = pytest.mark.parametrize("make_loss", [soft_loss, ddpg_loss, soft_q_loss])


def seeded(loss: LossModule, batch: TensorDict, **arguments) -> TensorDict:
    torch.manual_seed(1)
    return loss(batch) if batch is not None else loss(**arguments)


@each
def test_reset_parameters_recursive(make_loss: Callable) -> None:
    loss = make_loss()
    networks = [
        name for name, item in loss.__dict__.items() if isinstance(item, nn.Module) and name.endswith("network")
    ]
    parts = [f"{prefix}{name}_params" for name in networks for prefix in ("", "target_")]
    weights = {name: loss._modules[name] for name in parts if name in loss._modules}
    assert len(weights) == (3 if make_loss is soft_q_loss else 4)
    with torch.no_grad():
        for part in weights.values():
            part.data.apply_(lambda weight: weight.add_(1000))
    loss.reset_parameters_recursive()
    for name, part in weights.items():
        assert all(weight.abs().max() < 100 for weight in part.values(True, True)), name


@each
def test_keys_default_unknown_and_set(make_loss: Callable) -> None:
    loss = make_loss()
    defaults = dict(vars(loss.default_keys()))
    assert {key: getattr(loss.tensor_keys, key) for key in defaults} == defaults
    with pytest.raises(ValueError, match="not an accepted tensordict key"):
        loss.set_keys(unknown_key="x")
    if isinstance(loss, MultiGoalDDPGLoss):
        del defaults["state_action_value"]  # its estimator asks for a key that the network writes
    for key, value in defaults.items():
        changed = copy.deepcopy(loss)
        changed.set_keys(**{key: "x"})
        assert getattr(changed.tensor_keys, key) == "x"
        changed.set_keys(**{key: None})
        assert getattr(changed.tensor_keys, key) == value
    loss.set_keys(**dict.fromkeys(defaults, "x"))
    assert {getattr(loss.tensor_keys, key) for key in defaults} == {"x"}


@each
def test_the_batch_stays_as_it_was_but_for_the_priority(make_loss: Callable) -> None:
    batch = random_batch(8)
    before = batch.clone()
    make_loss()(batch)
    assert (batch.exclude("td_error") == before).all()
    assert batch["td_error"].shape == (8,)


@each
def test_keywords_give_what_a_tensordict_does_in_the_order_of_out_keys(make_loss: Callable) -> None:
    loss, batch = make_loss(), random_batch(8)
    expected = seeded(loss, batch.clone())
    assert set(expected.keys()) == set(loss.out_keys)
    arguments = {
        key if isinstance(key, str) else "_".join(key): batch[key] for key in loss.in_keys if key in batch.keys(True)
    }
    for key, value in zip(loss.out_keys, seeded(loss, None, **arguments), strict=True):
        torch.testing.assert_close(value, expected[key])


@each
def test_out_keys_are_selected_and_reset(make_loss: Callable) -> None:
    loss, batch = make_loss(), random_batch(8)
    every = list(loss.out_keys)
    loss.select_out_keys("loss_actor", "loss_qvalue")
    assert loss.out_keys == ["loss_actor", "loss_qvalue"]
    assert set(loss(batch).keys()) == {"loss_actor", "loss_qvalue"}
    loss.reset_out_keys()
    assert loss.out_keys == every
    assert set(loss(batch).keys()) == set(every)


@each
def test_masked_rows_count_for_nothing(make_loss: Callable) -> None:
    loss, batch = make_loss(), random_batch(8)
    rows = make_loss(reduction="none")
    rows.load_state_dict(loss.state_dict())
    valid = torch.arange(8) < 5
    alone = seeded(rows, batch.clone())
    batch["collector", "mask"] = valid.unsqueeze(-1)
    masked = seeded(loss, batch)
    for key in ("loss_actor", "loss_qvalue"):
        torch.testing.assert_close(masked[key], alone[key][valid].mean())


@each
def test_double_precision(make_loss: Callable) -> None:
    loss, batch = make_loss().double(), random_batch(8)
    wide = batch.apply(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)
    assert loss(wide)["loss_qvalue"].dtype == torch.float64


@each
def test_a_copy_and_a_restored_one_compute_the_same(make_loss: Callable) -> None:
    loss, batch = make_loss(), random_batch(8)
    restored = make_loss()
    restored.load_state_dict(loss.state_dict())
    expected = seeded(loss, batch.clone())
    for other in (copy.deepcopy(loss), restored):
        assert (seeded(other, batch.clone()) == expected).all()


@each
def test_parameters_are_listed_once_and_targets_not_at_all(make_loss: Callable) -> None:
    names = [name for name, _ in make_loss().named_parameters()]
    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith("target")]


@each
@pytest.mark.parametrize("missing", ["observation", "action", ("next", "desired_goal"), ("next", "reward")])
def test_a_missing_key_is_named(make_loss: Callable, missing) -> None:
    batch = random_batch(8)
    del batch[missing]
    with pytest.raises(UsageError, match=f"The batch has no .*{missing if isinstance(missing, str) else missing[-1]}"):
        make_loss()(batch)


@each
def test_a_discount_out_of_range_is_refused_whenever_it_is_set(make_loss: Callable) -> None:
    loss = make_loss()
    loss.gamma = 0.5
    assert loss.gamma.item() == 0.5
    if make_loss is not soft_q_loss:
        assert loss.value_estimator.gamma.item() == 0.5
    for wrong in (1.5, -0.1, float("nan"), torch.tensor(1.0)):
        with pytest.raises(UsageError, match="gamma is"):
            loss.gamma = wrong
        with pytest.raises(UsageError, match="gamma is"):
            loss.make_value_estimator(gamma=wrong)
    assert loss.gamma.item() == 0.5


@each
def test_several_dimensions_of_a_batch(make_loss: Callable) -> None:
    loss, batch = make_loss(), random_batch(8)
    expected = seeded(loss, batch.clone())
    folded = batch.reshape(2, 4)
    torch.testing.assert_close(seeded(loss, folded)["loss_qvalue"], expected["loss_qvalue"])
    assert folded["td_error"].shape == (2, 4)
