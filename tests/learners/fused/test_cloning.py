"""The gradient of cloning, written out, is what the term and autograd give."""

import pytest
import torch
from tensordict import TensorDict
from torchrl.objectives import LossModule

from sher_rl import (
    FusedLearner,
    GoalDims,
    Learner,
    MultiGoalDDPGLoss,
    QFilteredCloning,
    SoftMultiGoalLoss,
    UsageError,
    make_ddpg_networks,
    make_networks,
)

DIMS = GoalDims(observation=6, goal=3, action=2)
RATES = {"actor_lr": 1e-3, "critic_lr": 1e-3, "polyak": 0.9}


def make_loss(kind: str) -> LossModule:
    torch.manual_seed(3)
    if kind == "ddpg":
        return MultiGoalDDPGLoss(*make_ddpg_networks(DIMS, (16, 16)), gamma=0.9, action_l2=1.0)
    return SoftMultiGoalLoss(*make_networks(DIMS, (16, 16)), alpha=0.05, gamma=0.9, clip="hard", actor_q=kind)


def make_state(rows: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
    sizes = {"observation": DIMS.observation, "desired_goal": DIMS.goal}
    return {key: torch.randn(rows, size, generator=generator) for key, size in sizes.items()}


def make_batch(seed: int, rows: int = 64) -> TensorDict:
    generator = torch.Generator().manual_seed(seed)
    never = torch.zeros(rows, 1, dtype=torch.bool)
    following = make_state(rows, generator) | {"reward": -torch.ones(rows, 1), "terminated": never, "done": never}
    now = make_state(rows, generator) | {"demonstration": torch.arange(rows) % 2 == 0}
    action = torch.rand(rows, DIMS.action, generator=generator)
    return TensorDict({**now, "action": action, "next": following}, [rows])


@pytest.mark.parametrize("kind", ["q1", "min", "ddpg"])
def test_both_learners_take_the_same_steps(kind: str) -> None:
    weights, found = [], []
    for make in (Learner, FusedLearner):
        loss = make_loss(kind)
        options = {} if make is Learner else {"compile": False}
        learner = make(loss, **RATES, terms=[QFilteredCloning(loss, weight=3.0)], **options)
        for step in range(3):
            torch.manual_seed(step)
            found.append(learner.step(make_batch(step)))
        weights.append(torch.cat([parameter.flatten() for parameter in loss.actor_network_params.values(True, True)]))
    assert torch.allclose(*weights, atol=1e-5)
    for one, other in zip(found[:3], found[3:], strict=True):
        for key in ("loss_cloning", "cloned", "loss_actor", "loss_qvalue"):
            assert torch.allclose(one[key], other[key], atol=1e-5), key
    assert 0 < found[0]["cloned"] < 1


def test_a_batch_without_demonstrations_clones_nothing() -> None:
    loss = make_loss("q1")
    learner = FusedLearner(loss, **RATES, terms=[QFilteredCloning(loss, weight=3.0)], compile=False)
    batch = make_batch(0)
    batch["demonstration"] = torch.zeros(64, dtype=torch.bool)
    statistics = learner.step(batch)
    assert statistics["loss_cloning"] == statistics["cloned"] == 0


def test_an_unmarked_batch_is_refused() -> None:
    loss = make_loss("q1")
    learner = FusedLearner(loss, **RATES, terms=[QFilteredCloning(loss, weight=3.0)], compile=False)
    with pytest.raises(UsageError, match="The batch has no 'demonstration'"):
        learner.step(make_batch(0).exclude("demonstration"))


def test_another_term_is_refused() -> None:
    loss = make_loss("q1")
    for terms in ([QFilteredCloning(make_loss("q1"), weight=1.0)], [QFilteredCloning(loss, weight=1.0)] * 2, [loss]):
        with pytest.raises(UsageError, match="only one QFilteredCloning of the same loss is written out"):
            FusedLearner(loss, **RATES, terms=terms, compile=False)
