import pytest
import torch

from sher_rl import UniformGoals, UsageError

LOW, HIGH = [-1.0, 0.0, 5.0], [1.0, 3.0, 5.5]


def test_goals_fill_the_box() -> None:
    goals = UniformGoals(LOW, HIGH, torch.Generator().manual_seed(0)).propose(torch.zeros(5000, 3))
    low, high = torch.tensor(LOW), torch.tensor(HIGH)
    assert ((goals >= low) & (goals <= high)).all()
    torch.testing.assert_close(goals.mean(0), (low + high) / 2, atol=0.05, rtol=0)
    torch.testing.assert_close(goals.std(0), (high - low) / 12**0.5, atol=0.05, rtol=0)


def test_its_state_is_its_generators() -> None:
    one = UniformGoals(LOW, HIGH, torch.Generator().manual_seed(1))
    other = UniformGoals(LOW, HIGH, torch.Generator().manual_seed(2))
    one.propose(torch.zeros(3, 3))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.propose(torch.zeros(3, 3)), other.propose(torch.zeros(3, 3)))


def test_without_a_generator_torchs_own_is_drawn_from() -> None:
    proposal = UniformGoals(LOW, HIGH)
    torch.manual_seed(0)
    first = proposal.propose(torch.zeros(2, 3))
    torch.manual_seed(0)
    assert torch.equal(proposal.propose(torch.zeros(2, 3)), first)


@pytest.mark.parametrize(
    ("low", "high"), [([0.0], [0.0]), ([0.0], [1.0, 2.0]), ([float("nan")], [1.0]), ([0.0], [float("inf")]), (0.0, 1.0)]
)
def test_corners_of_no_box_are_refused(low: object, high: object) -> None:
    with pytest.raises(UsageError, match="use two corners of a box, with low below high"):
        UniformGoals(low, high)
