import math

import pytest
import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torch import Tensor
from torchrl.envs.utils import ExplorationType, set_exploration_type
from torchrl.modules import OneHotCategorical

from sher_rl import BestOfSamples, ComposedQ, UniformActions, UsageError, make_boltzmann_policy

QVALUE = TensorDictModule(lambda x: x, ["observation"], ["action_value"])


def states(rows: int, *values: float) -> TensorDict:
    return TensorDict(observation=torch.tensor([values]).expand(rows, -1), batch_size=[rows])


def test_actions_come_as_often_as_boltzmann_says() -> None:
    torch.manual_seed(0)
    policy = make_boltzmann_policy(QVALUE, alpha=0.5)
    actions = policy(states(20_000, 0.0, 0.5 * math.log(3)))["action"]
    assert actions.shape == (20_000,)
    assert actions.float().mean().item() == pytest.approx(0.75, abs=0.01)


def test_a_prior_weighs_the_actions() -> None:
    policy = make_boltzmann_policy(QVALUE, alpha=0.5, log_prior=torch.tensor([0.75, 0.25]).log())
    logits = policy(states(1, 0.0, 0.5 * math.log(3)))["logits"]
    torch.testing.assert_close(logits.softmax(-1), torch.tensor([[0.5, 0.5]]))


@pytest.mark.parametrize(("distribution", "expected"), [(None, 1), (OneHotCategorical, [0, 1, 0])])
def test_the_best_action_where_nothing_is_explored(distribution: type | None, expected) -> None:
    options = {"distribution_class": distribution} if distribution else {}
    policy = make_boltzmann_policy(QVALUE, alpha=5.0, **options)
    with set_exploration_type(ExplorationType.DETERMINISTIC):
        assert policy(states(4, 0.0, 1.0, 0.5))["action"].tolist() == [expected] * 4


def test_a_seed_repeats_the_draws() -> None:
    policy = make_boltzmann_policy(QVALUE, alpha=0.5)
    first, second = (torch.manual_seed(3) and policy(states(100, 0.0, 0.1))["action"] for _ in range(2))
    assert torch.equal(first, second)


def slope(observation: Tensor, action: Tensor) -> Tensor:
    return (observation * action).sum(-1, keepdim=True)


SLOPE = TensorDictModule(slope, ["observation", "action"], ["state_action_value"])


def test_many_uniform_candidates_sample_the_density() -> None:
    # of e^(2a) on [-1, 1] the mean is coth 2 - 1/2
    torch.manual_seed(0)
    policy = BestOfSamples(SLOPE, UniformActions(1), alpha=0.5, candidates=200)
    actions = policy(states(5_000, 1.0))["action"]
    assert actions.shape == (5_000, 1)
    assert actions.mean().item() == pytest.approx(1 / math.tanh(2) - 0.5, abs=0.02)


def test_the_best_candidate_where_nothing_is_explored() -> None:
    policy = BestOfSamples(SLOPE, UniformActions(2), alpha=0.5, candidates=300)
    with set_exploration_type(ExplorationType.DETERMINISTIC):
        actions = policy(states(50, 1.0, -1.0))["action"]
    assert (actions * torch.tensor([1.0, -1.0])).sum(-1).min() > 1.5


def test_several_batch_dimensions() -> None:
    policy = BestOfSamples(SLOPE, UniformActions(2), alpha=0.5, candidates=3)
    batch = TensorDict(observation=torch.randn(4, 5, 2), batch_size=[4, 5])
    before = batch.clone()
    assert policy(batch)["action"].shape == (4, 5, 2)
    assert (batch.exclude("action") == before).all()


def test_the_mean_of_qs() -> None:
    double = TensorDictModule(lambda x: 3 * x, ["goal"], ["action_value"])
    batch = TensorDict(observation=torch.tensor([[1.0, 2.0]]), goal=torch.tensor([[0.0, 2.0]]), batch_size=[1])
    both = ComposedQ([QVALUE, double], "action_value")
    assert both.in_keys == ["observation", "goal"]
    assert both(batch)["action_value"].tolist() == [[0.5, 4.0]]


def test_a_policy_of_the_mean_does_what_both_ask_for() -> None:
    def asks(*values: float) -> TensorDictModule:
        return TensorDictModule(lambda x: torch.tensor(values).expand(len(x), 3), ["observation"], ["action_value"])

    policy = make_boltzmann_policy(ComposedQ([asks(0.0, 0.0, -9.0), asks(-9.0, 0.0, 0.0)], "action_value"), alpha=0.5)
    assert (policy(states(1_000, 0.0))["action"] == 1).float().mean() > 0.98


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: make_boltzmann_policy(QVALUE, alpha=0.0), "alpha is 0.0; use a number above 0"),
        (lambda: make_boltzmann_policy(SLOPE, alpha=0.1), "qvalue_network writes .* use one that writes action_value"),
        (lambda: BestOfSamples(SLOPE, UniformActions(1), alpha=-1.0, candidates=2), "alpha is -1.0"),
        (lambda: BestOfSamples(SLOPE, UniformActions(1), alpha=0.1, candidates=0), "candidates is 0"),
        (lambda: BestOfSamples(QVALUE, UniformActions(1), alpha=0.1, candidates=2), "writes state_action_value"),
        (lambda: UniformActions(0), "size is 0"),
        (
            lambda: ComposedQ([QVALUE, SLOPE], "action_value"),
            "qvalue_network writes .* use one that writes action_value",
        ),
        (lambda: ComposedQ([], "action_value"), "qvalue_networks has no network"),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(make, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make()
