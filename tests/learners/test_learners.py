"""The fused step against autograd through the loss: the same numbers from the same draws."""

import copy
from functools import partial

import pytest
import torch
import torch._dynamo.testing
from tensordict import TensorDict

from sher_rl import FusedLearner, GoalDims, Learner, SoftMultiGoalLoss, UsageError, fast_dtype, make_networks
from sher_rl.learners.fused.sher import gradients

DIMS = GoalDims(observation=6, goal=3, action=2)


def random_batch(rows: int) -> TensorDict:
    def state() -> dict[str, torch.Tensor]:
        return {"observation": torch.randn(rows, 6), "desired_goal": torch.randn(rows, 3)}

    following = state() | {"reward": -torch.rand(rows, 1).round(), "terminated": torch.rand(rows, 1) < 0.3}
    return TensorDict({**state(), "action": torch.rand(rows, 2) * 2 - 1, "next": following}, [rows])


OPTIONS = [
    {},
    {"alpha": 0.0},
    {"clip": "hard"},
    {"clip": "hard_q"},
    {"clip": "soft", "alpha": 0.3},
    {"actor_q": "min"},
    {"target_entropy": "auto"},
    {"target_entropy": -1.0, "clip": "hard", "actor_q": "min"},
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_five_steps_equal_five_steps_of_autograd(options: dict, weighted: bool) -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (32, 32)), **({"alpha": 0.1, "gamma": 0.9} | options))
    rival = copy.deepcopy(loss)
    learner = FusedLearner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9, compile=False)
    autograd = Learner(rival, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9)
    for step in range(5):
        batch = random_batch(64)
        if weighted:
            batch["priority_weight"] = torch.rand(64)
        torch.manual_seed(step)
        statistics = learner.step(mine := batch.clone())
        torch.manual_seed(step)
        expected = autograd.step(batch)
        torch.testing.assert_close(mine["td_error"], batch["td_error"], rtol=1e-4, atol=1e-5)
        for key, value in expected.items():
            torch.testing.assert_close(statistics[key], value, rtol=1e-4, atol=1e-5, msg=key)
    for (name, p), (_, q) in zip(loss.state_dict().items(), rival.state_dict().items(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-3, atol=2e-5, msg=name)


def test_compiled_and_plain_agree() -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9, clip="hard")
    other, batch = copy.deepcopy(loss), random_batch(16)
    results = []
    for each, compiled in ((loss, True), (other, False)):
        learner = FusedLearner(each, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9, compile=compiled)
        torch.manual_seed(1)
        results.append(torch.stack(list(learner.step(batch.clone()).values())))
    torch.testing.assert_close(*results)


def test_bfloat16_steps_point_the_same_way() -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (64, 64)), alpha=0.1, gamma=0.9)
    other, batch = copy.deepcopy(loss), random_batch(512)
    flat = []
    for each, dtype in ((loss, torch.float32), (other, torch.bfloat16)):
        learner = FusedLearner(each, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9, dtype=dtype, compile=False)
        torch.manual_seed(1)
        learner.step(batch.clone())
        flat.append(torch.cat([learner._critic.vector.grad, learner._actor.vector.grad]))
    assert torch.nn.functional.cosine_similarity(*flat, dim=0) > 0.999
    assert all(p.dtype == torch.float32 for p in other.parameters())


KINDS = [partial(FusedLearner, compile=False), partial(Learner, target_every=3)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_policy_follows_and_a_restored_learner_goes_on_alike(kind: partial) -> None:
    actor, qvalue, value = make_networks(DIMS, (16,))
    loss = SoftMultiGoalLoss(actor, qvalue, value, alpha=0.1, gamma=0.9)
    learner = kind(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9)
    before = [p.clone() for p in actor.parameters()]
    batches = [random_batch(32) for _ in range(4)]
    for batch in batches[:2]:
        learner.step(batch)
    assert all((p != q).any() for p, q in zip(actor.parameters(), before, strict=True))
    other = SoftMultiGoalLoss(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9)
    restored = kind(other, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9)
    other.load_state_dict(copy.deepcopy(loss.state_dict()))
    restored.load_state_dict(copy.deepcopy(learner.state_dict()))
    for each in (learner, restored):
        torch.manual_seed(1)
        for batch in batches[2:]:
            each.step(batch)
    for (name, p), (_, q) in zip(loss.state_dict().items(), other.state_dict().items(), strict=True):
        assert torch.equal(p, q), name


@pytest.mark.parametrize("options", [{"reduction": "sum"}, {"reduction": "none"}])
def test_a_loss_that_the_fused_gradient_is_not_of_is_refused(options: dict) -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9, **options)
    with pytest.raises(UsageError, match=r"loss has reduction .* use sher_rl.Learner"):
        FusedLearner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9, compile=False)


def test_renamed_keys_and_rows_of_several_steps_are_refused() -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9)
    learner = FusedLearner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9, compile=False)
    with pytest.raises(UsageError, match="steps_to_next_obs"):
        learner.step(random_batch(4).set("steps_to_next_obs", torch.full((4, 1), 3)))
    loss.set_keys(reward="other")
    with pytest.raises(UsageError, match=r"renamed keys \['reward'\]"):
        FusedLearner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9, compile=False)


def test_soft_bounds_of_a_learned_temperature_are_not_compiled_in() -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9, clip="soft", target_entropy="auto")
    learner = FusedLearner(loss, actor_lr=0.1, critic_lr=1e-3, polyak=0.9, compile=False)
    graphs = torch._dynamo.testing.CompileCounter()
    learner._gradients = torch.compile(gradients, dynamic=False, backend=graphs)
    alphas = {learner.step(random_batch(8))["alpha"].item() for _ in range(4)}
    assert (len(alphas), graphs.frame_count) == (4, 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("moment", ["exp_avg", "exp_avg_sq"])
def test_moments_of_another_network_are_refused(kind: partial, moment: str) -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9)
    learner = kind(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9)
    learner.step(random_batch(8))
    state = copy.deepcopy(learner.state_dict())
    moments = state["optimizer"]["state"][0]
    moments[moment] = moments[moment][:-1]
    with pytest.raises(ValueError, match=f"Adam's moments have the shapes .*{moment}"):
        learner.load_state_dict(state)


@pytest.mark.parametrize("kind", KINDS)
def test_moments_of_silent_inputs_end_at_zero_and_not_at_denormals(kind: partial) -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9)
    learner = kind(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9)
    batch = random_batch(8)
    for part in (batch, batch["next"]):
        part["observation"].zero_()
    learner.step(batch)
    moments = [state[name] for state in learner.optimizer.state.values() for name in ("exp_avg", "exp_avg_sq")]
    for tiny in (True, False):
        for moment in moments:
            moment.fill_(1e-37)
        learner.steps = 62 if tiny else 63
        learner.step(batch)
        assert any(((moment != 0) & (moment.abs() < 1e-30)).any() for moment in moments) == tiny


def test_fast_dtype_is_one_the_learner_takes() -> None:
    assert fast_dtype() in (torch.float32, torch.bfloat16)
