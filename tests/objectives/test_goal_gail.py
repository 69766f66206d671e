import pytest
import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torch import nn

from sher_rl import GoalDims, GoalDiscriminator, GoalGAILLoss, GoalNormalizer, Learner, UsageError
from sher_rl.functional.imitation import adversarial_loss, gradient_penalty

DIMS = GoalDims(observation=2, goal=2, action=2)


def make(**changes) -> tuple[GoalGAILLoss, GoalDiscriminator, GoalNormalizer]:
    normalizer = GoalNormalizer(DIMS)
    reads = changes.pop("reads", "next")
    discriminator = GoalDiscriminator(DIMS, normalizer.observation, normalizer.goal, reads=reads)
    return GoalGAILLoss(discriminator, **changes), discriminator, normalizer


def transitions(rows: int = 12) -> TensorDict:
    following = TensorDict({"observation": torch.randn(rows, 2)}, [rows])
    values = {key: torch.randn(rows, 2) for key in ("observation", "desired_goal")}
    expert = torch.arange(rows).unsqueeze(1) % 3 == 0
    return TensorDict({**values, "action": torch.rand(rows, 2), "expert": expert, "next": following}, [rows])


def test_it_is_the_equation_of_the_experts_and_the_agents_rows() -> None:
    loss, discriminator, _ = make()
    rows = transitions()
    logit = discriminator(rows.clone())["expert_logit"]
    out = loss(rows)
    expected = adversarial_loss(logit[::3], torch.cat((logit[1::3], logit[2::3])))
    assert out["loss_discriminator"].item() == pytest.approx(expected.item(), rel=1e-6)
    assert out["accuracy_expert"].item() == pytest.approx((logit[::3] > 0).float().mean().item())
    assert list(out.keys()) == loss.out_keys


def test_weights_and_norms_are_those_of_the_discriminator() -> None:
    loss, discriminator, normalizer = make()
    rows = transitions(200)
    learner = Learner(loss, actor_lr=1e-2, critic_lr=1e-2, polyak=1.0)
    before = discriminator(rows.clone())["expert_logit"]
    learner.step(rows)
    after = discriminator(rows.clone())["expert_logit"]
    assert not torch.equal(before, after)
    one = loss(rows)["loss_discriminator"].item()
    normalizer.update(5 * rows)
    other = loss(rows)["loss_discriminator"].item()
    logit = discriminator(rows.clone())["expert_logit"]
    expert = rows["expert"]
    assert other == pytest.approx(adversarial_loss(logit[expert], logit[~expert]).item(), rel=1e-5)
    assert other != pytest.approx(one, rel=1e-5)


def test_it_learns_who_is_who() -> None:
    torch.manual_seed(0)
    loss, _, _ = make()
    learner = Learner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=1.0)
    for _ in range(100):
        rows = transitions(64)
        rows["next", "observation"] += 3.0 * rows["expert"]
        out = learner.step(rows)
    assert out["accuracy_expert"] > 0.9
    assert out["accuracy_agent"] > 0.8


def test_actions_get_noise_where_they_are_read() -> None:
    seen = []

    class Spy(nn.Module):
        def forward(self, action: torch.Tensor) -> torch.Tensor:
            seen.append(action)
            return action.sum(-1, keepdim=True)

    loss = GoalGAILLoss(TensorDictModule(Spy(), ["action"], ["expert_logit"]), action_noise=0.5)
    rows = transitions(5_000)
    rows["action"] = torch.zeros(5_000, 2)
    loss(rows)
    (action,) = seen
    assert action.std().item() == pytest.approx(0.466, abs=0.02)  # of a Gaussian of 0.5 that is clipped to [-1, 1]
    assert action.abs().max() == 1.0
    assert (rows["action"] == 0).all()


@pytest.mark.parametrize("reads", ["next", "action"])
def test_the_penalty_is_that_of_places_between_pairs(reads: str) -> None:
    loss, discriminator, _ = make(penalty=10.0, action_noise=0.0, reads=reads)
    rows = transitions()
    torch.manual_seed(4)
    out = loss(rows)["loss_discriminator"]
    out.backward()
    gradients = [p.grad for p in loss.parameters() if p.requires_grad]
    assert all(gradient.isfinite().all() for gradient in gradients)

    torch.manual_seed(4)
    mix = torch.rand(4, 1)
    expert, agent = rows[rows["expert"].squeeze(1)], rows[~rows["expert"].squeeze(1)][:4]
    inputs = [(mix * expert[key] + (1 - mix) * agent[key]).requires_grad_(True) for key in discriminator.in_keys]
    logit = discriminator.module(*inputs)
    by_hand = torch.cat(torch.autograd.grad(logit.sum(), inputs), -1)
    loss.penalty = 0.0
    plain = loss(rows)["loss_discriminator"]
    assert out.item() == pytest.approx(plain.item() + 10 * gradient_penalty(by_hand).item(), rel=1e-4)


@pytest.mark.parametrize(
    ("wrong", "sentence"), [({"penalty": -1.0}, "penalty is -1.0"), ({"action_noise": -0.1}, "action_noise is -0.1")]
)
def test_wrong_numbers_are_refused(wrong: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make(**wrong)


def test_a_batch_without_a_key_is_refused() -> None:
    loss, _, _ = make()
    with pytest.raises(UsageError, match="The batch has no 'expert'"):
        loss(transitions().exclude("expert"))
