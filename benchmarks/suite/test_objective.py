"""One gradient step (forward, backward, Adam, target): our loss against TorchRL's two SAC losses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from tensordict import TensorDict
from torchrl.objectives import LossModule, SACLoss, SoftUpdate

from sher_rl import GoalDims, SoftMultiGoalLoss, make_networks

SHAPES = {"push": GoalDims(25, 3, 4), "egg": GoalDims(61, 7, 20)}


def ours(dims: GoalDims) -> LossModule:
    return SoftMultiGoalLoss(*make_networks(dims), alpha=0.05, gamma=0.98, clip="hard")


def torchrl_v1(dims: GoalDims) -> LossModule:
    actor, qvalue, value = make_networks(dims)
    loss = SACLoss(
        actor,
        qvalue,
        value,
        alpha_init=0.05,
        fixed_alpha=True,
        target_entropy=-float(dims.action),
        loss_function="l2",
        delay_qvalue=False,
    )
    loss.make_value_estimator(gamma=0.98)
    return loss


def torchrl_v2(dims: GoalDims) -> LossModule:
    actor, qvalue, _ = make_networks(dims)
    loss = SACLoss(
        actor, qvalue, alpha_init=0.05, fixed_alpha=True, target_entropy=-float(dims.action), loss_function="l2"
    )
    loss.make_value_estimator(gamma=0.98)
    return loss


def random_batch(dims: GoalDims, rows: int) -> TensorDict:
    def state() -> dict[str, torch.Tensor]:
        return {"observation": torch.randn(rows, dims.observation), "desired_goal": torch.randn(rows, dims.goal)}

    flags = {key: torch.zeros(rows, 1, dtype=torch.bool) for key in ("done", "terminated")}
    following = state() | {"reward": -torch.ones(rows, 1)} | flags
    return TensorDict({**state(), "action": torch.rand(rows, dims.action) * 2 - 1, "next": following}, [rows])


def gradient_step(loss: LossModule, batch: TensorDict) -> Callable[[], None]:
    optimizer = torch.optim.Adam(loss.parameters(), lr=1e-3, fused=True)
    target = SoftUpdate(loss, eps=0.99)

    def step() -> None:
        losses = loss(batch)
        sum(value for key, value in losses.items() if key.startswith("loss") and value.requires_grad).backward()
        optimizer.step()
        optimizer.zero_grad()
        target.step()

    return step


@pytest.mark.parametrize("subject", [ours, torchrl_v1, torchrl_v2], ids=lambda subject: subject.__name__)
@pytest.mark.parametrize("rows", [256, 1024])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_step(benchmark: BenchmarkFixture, subject: Callable, rows: int, shape: str) -> None:
    torch.manual_seed(0)
    dims = SHAPES[shape]
    benchmark.group = f"gradient step, {shape}, batch {rows}"
    benchmark.extra_info["subject"] = subject.__name__
    benchmark.pedantic(gradient_step(subject(dims), random_batch(dims, rows)), rounds=50, warmup_rounds=10)
