import pytest
import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torchrl.envs.utils import ExplorationType, set_exploration_type

from sher_rl import GoalDims, Guided, RelayNorm, SubTask, UsageError, make_guide, make_networks, make_policy
from sher_rl.modules.norms import GoalNorm, ObservationNorm

REACH = SubTask(part=slice(0, 3), target=slice(0, 3), distance=0.1)
TO_ONE = TensorDictModule(lambda observation: torch.ones_like(observation[..., :2]), ["observation"], ["action"])


def states(rows: int, near: int = 0) -> TensorDict:
    """Actions of 0; the sub-task is met in the first rows."""
    observation = torch.ones(rows, 3)
    observation[:near] = 0
    return TensorDict(
        {"observation": observation, "achieved_goal": torch.zeros(rows, 3), "action": torch.zeros(rows, 2)}
    )


def acted(rows: TensorDict, probability: float) -> torch.Tensor:
    with set_exploration_type(ExplorationType.RANDOM):
        return Guided(REACH, TO_ONE, probability=probability)(rows)["action"]


def test_the_guide_acts_with_its_probability_where_the_sub_task_is_not_met() -> None:
    torch.manual_seed(0)
    guided = acted(states(10_000, near=4_000), 0.3)[:, 0]
    assert guided[:4_000].sum() == 0
    assert guided[4_000:].mean() == pytest.approx(0.3, abs=0.03)  # five standard deviations


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_it_acts_never_or_always(probability: float) -> None:
    assert (acted(states(50), probability) == probability).all()


def test_it_does_not_act_where_exploration_is_off() -> None:
    with set_exploration_type(ExplorationType.DETERMINISTIC):
        assert (Guided(REACH, TO_ONE, probability=1.0)(states(50))["action"] == 0).all()


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan"), "often"])
def test_a_probability_out_of_range_is_refused(probability: object) -> None:
    with pytest.raises(UsageError, match="probability is"):
        Guided(REACH, TO_ONE, probability=probability)


def test_a_guide_of_the_policy_sees_the_object_and_no_goal_of_the_task() -> None:
    dims = GoalDims(observation=5, goal=6, action=2)
    policy = make_policy(ObservationNorm(5), RelayNorm(6, REACH), make_networks(dims, (8,))[0])
    observation = torch.randn(4, 5)
    target = torch.randn(4, 3)
    nothing = torch.full((4, 3), torch.nan)
    guide = make_guide(policy, REACH)
    given = TensorDict({"observation": observation, "achieved_goal": target}, [4])
    expected = policy(observation=observation, desired_goal=torch.cat((nothing, target), -1))
    assert torch.equal(guide(given)["action"], expected)
    assert not torch.equal(expected, policy(observation=observation, desired_goal=target))


def test_a_policy_of_one_task_makes_no_guide() -> None:
    policy = make_policy(ObservationNorm(5), GoalNorm(3), make_networks(GoalDims(5, 3, 2), (8,))[0])
    with pytest.raises(UsageError, match="policy has a GoalNorm for its goals; make it with RelayNorm"):
        make_guide(policy, REACH)
