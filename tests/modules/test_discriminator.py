import pytest
import torch
from tensordict import TensorDict
from torch import nn

from sher_rl import GoalDims, GoalDiscriminator, GoalNormalizer, UsageError

DIMS = GoalDims(observation=10, goal=3, action=4)


def make(**changes) -> tuple[GoalDiscriminator, GoalNormalizer]:
    normalizer = GoalNormalizer(DIMS)
    return GoalDiscriminator(DIMS, normalizer.observation, normalizer.goal, **changes), normalizer


def transitions(rows: int = 6) -> TensorDict:
    following = TensorDict({"observation": torch.randn(rows, 10)}, [rows])
    values = {"observation": torch.randn(rows, 10), "desired_goal": torch.randn(rows, 3)}
    return TensorDict({**values, "action": torch.rand(rows, 4), "next": following}, [rows])


def layers(discriminator: GoalDiscriminator) -> list[nn.Linear]:
    return [module for module in discriminator.modules() if isinstance(module, nn.Linear)]


@pytest.mark.parametrize(("reads", "inputs"), [("next", 23), ("action", 17)])
def test_it_is_the_published_network(reads: str, inputs: int) -> None:
    discriminator, _ = make(reads=reads)
    assert [tuple(layer.weight.shape) for layer in layers(discriminator)] == [(256, inputs), (256, 256), (1, 256)]
    assert sum(isinstance(module, nn.Tanh) for module in discriminator.modules()) == 2
    for layer in layers(discriminator):
        weight = layer.weight if layer.weight.shape[0] <= layer.weight.shape[1] else layer.weight.T
        assert torch.allclose(weight @ weight.T, torch.eye(len(weight)), atol=1e-5)
        assert (layer.bias == 0).all()


@pytest.mark.parametrize(("reads", "key"), [("next", ("next", "observation")), ("action", "action")])
def test_it_sees_what_it_reads_and_nothing_else(reads: str, key: tuple[str, str] | str) -> None:
    discriminator, _ = make(reads=reads)
    rows = transitions()
    logit = discriminator(rows.clone())["expert_logit"]
    assert logit.shape == (6, 1)
    for other in ("observation", "desired_goal", "action", ("next", "observation")):
        changed = discriminator(rows.clone().set(other, rows[other] + 1))["expert_logit"]
        assert torch.equal(changed, logit) is (other not in ("observation", "desired_goal", key))


def test_it_does_not_see_what_is_not_in_its_part() -> None:
    discriminator, _ = make(part=slice(2, 6))
    rows = transitions()
    logit = discriminator(rows.clone())["expert_logit"]
    for key in ("observation", ("next", "observation")):
        outside = rows[key].clone()
        outside[:, :2] += 1
        outside[:, 6:] += 1
        assert torch.equal(discriminator(rows.clone().set(key, outside))["expert_logit"], logit)
    assert layers(discriminator)[0].in_features == 4 + 3 + 4


def test_it_normalises_as_the_policy_does() -> None:
    discriminator, normalizer = make()
    rows = transitions(100)
    before = discriminator(rows.clone())["expert_logit"]
    normalizer.update(rows.select("observation", "desired_goal").apply(lambda value: 5 * value + 3))
    assert not torch.equal(discriminator(rows.clone())["expert_logit"], before)
    by_hand = torch.cat(
        (
            normalizer.observation(rows["observation"]),
            normalizer.goal(rows["observation"], rows["desired_goal"]),
            normalizer.observation(rows["next", "observation"]),
        ),
        -1,
    )
    assert torch.equal(discriminator(rows)["expert_logit"], discriminator.module.mlp(by_hand))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [({"reads": "reward"}, "reads is 'reward'"), ({"part": slice(10, 20)}, r"part is slice\(10, 20, None\)")],
)
def test_wrong_arguments_are_refused(wrong: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make(**wrong)
