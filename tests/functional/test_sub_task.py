import torch

from sher_rl import SubTask

REACH = SubTask(part=slice(1, 3), target=slice(0, 2), distance=0.5)


def test_the_reward_is_by_the_distance_of_the_part_from_the_target() -> None:
    observation = torch.tensor([[9.0, 0.0, 0.0], [9.0, 0.3, 0.4], [9.0, 0.3, 0.3]])
    achieved_goal = torch.tensor([[0.0, 0.0, 7.0]] * 3)
    assert REACH.met(observation, achieved_goal).flatten().tolist() == [True, False, True]
    reward = REACH.reward(REACH.achieved(observation), REACH.desired(achieved_goal))
    assert reward.flatten().tolist() == [0.0, -1.0, 0.0]
    assert reward.shape == (3, 1)


def test_any_batch_is_measured_row_by_row() -> None:
    observation = torch.zeros(2, 4, 3)
    observation[1, 2, 1] = 1.0
    unmet = ~REACH.met(observation, torch.zeros(2, 4, 2))
    assert unmet.nonzero().tolist() == [[1, 2, 0]]
