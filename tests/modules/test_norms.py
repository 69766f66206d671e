import pytest
import torch

from sher_rl import RelayNorm, SubTask, UsageError

REACH = SubTask(part=slice(1, 3), target=slice(0, 2), distance=0.1)


def test_statistics_are_of_the_goals_and_of_what_the_part_reached() -> None:
    norm = RelayNorm(3, REACH)
    observation = torch.tensor([[9.0, 1.0, 10.0], [9.0, 3.0, 30.0]])
    norm.update(observation, torch.tensor([[-1.0], [1.0]]))
    assert norm.mean.tolist() == [0.0, 2.0, 20.0]
    assert norm.std.tolist() == [1.0, 1.0, 10.0]


def test_no_goal_is_0_whatever_the_statistics_are() -> None:
    norm = RelayNorm(3, REACH)
    norm.update(torch.full((2, 3), 4.0), torch.tensor([[3.0], [5.0]]))
    goals = torch.tensor([[6.0, torch.nan, torch.nan], [torch.nan, 4.0, 4.0]])
    assert norm(torch.zeros(2, 3), goals).tolist() == [[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    assert norm(torch.zeros(1, 3), goals[:1, :1]).tolist() == [[2.0, 0.0, 0.0]]


def test_a_norm_that_only_acts_takes_no_statistics() -> None:
    with pytest.raises(UsageError, match="sub_task is None"):
        RelayNorm(3).update(torch.zeros(1, 3), torch.zeros(1, 1))
