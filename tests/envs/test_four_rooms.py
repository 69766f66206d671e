"""FourRooms against a drawing and a loop, and its expert from everywhere to everywhere."""

from __future__ import annotations

import pytest
import torch

from sher_rl import FourRooms, UsageError, make_four_rooms_expert
from sher_rl.envs.four_rooms import in_wall, way_through_doors


def drawing() -> list[str]:
    """Cells of 1 by 1 from (-12, -12) to (12, 12), as the original's maze 16 draws them."""
    room = "#" + "." * 11 + "#" + "." * 11 + "#"
    door = "#" + "." * 23 + "#"
    wall = "#####" + "#.#" + "#" * 9 + "#.#" + "#####"
    upper = [room] * 5 + [door] + [room] * 5
    return ["#" * 25, *upper, wall, *upper, "#" * 25]


def test_walls_are_those_of_the_drawing() -> None:
    cells = drawing()
    assert {len(row) for row in cells} == {25} == {len(cells)}
    for i, row in enumerate(cells):
        for j, cell in enumerate(row):
            middle = torch.tensor([j - 12.0, i - 12.0])
            inside = middle + (torch.rand(20, 2) - 0.5) * 0.98
            assert in_wall(inside).eq(cell == "#").all(), (i, j)


def test_steps_are_those_of_a_loop() -> None:
    env = FourRooms(num_envs=3, seed=7)
    for row in env.rollout(200, break_when_any_done=False):
        position = [8.0, 8.0]
        for step in row:
            for axis, push in enumerate(step["action"].tolist()):
                new = list(position)
                new[axis] += 0.2 * push
                if not in_wall(torch.tensor(new)):
                    position = new
            assert step["next", "observation"].tolist() == pytest.approx(position, abs=1e-4)


def push_on(env: FourRooms, direction: list[float], steps: int) -> torch.Tensor:
    state = env.reset()
    for _ in range(steps):
        state["action"] = torch.tensor([direction])
        state = env.step(state)["next"]
    return state


def test_a_step_into_a_wall_goes_along_it() -> None:
    x, y = push_on(FourRooms(), [-1.0, 0.25], 60)["achieved_goal"][0].tolist()
    assert 0.5 < x < 0.71
    assert y == pytest.approx(11.0, abs=1e-4)


def test_an_episode_ends_at_the_goal_or_after_300_steps() -> None:
    last = push_on(FourRooms(seed=1), [0.0, 0.0], 300)
    assert (last["truncated"].item(), last["terminated"].item(), last["reward"].item()) == (True, False, -1.0)
    steps = FourRooms(seed=1).rollout(300, make_four_rooms_expert())["next"]
    assert steps["terminated"].squeeze().tolist() == [False] * (steps.shape[1] - 1) + [True]
    assert (steps["achieved_goal"][0, -1] - steps["desired_goal"][0, -1]).norm() <= 1.0


def test_goals_fill_the_rooms_and_no_wall() -> None:
    goals = FourRooms(num_envs=2000).reset()["desired_goal"]
    assert not in_wall(goals).any()
    assert goals.abs().amax() > 11.3
    assert ((goals.abs() > 0.5) & (goals.abs() <= 11.5)).all()
    rooms = (goals > 0).long() @ torch.tensor([1, 2])
    assert rooms.bincount().min() > 400


def test_the_expert_gets_from_everywhere_to_everywhere() -> None:
    torch.manual_seed(0)
    start = torch.rand(5_000, 2) * 23 - 11.5
    start = start[~in_wall(start)]
    in_doors = torch.tensor([[0.0, 6.3], [0.4, -5.7], [-6.2, 0.1], [5.8, -0.3]])
    position = torch.cat((start, in_doors))
    goal = FourRooms(num_envs=len(position), seed=5).reset()["desired_goal"]
    for _ in range(300):
        new = position + 0.2 * way_through_doors(position, goal)
        assert not in_wall(new).any()
        position = new
    assert torch.allclose(position, goal, atol=1e-3)


def test_the_expert_takes_the_shorter_way() -> None:
    position, goal = torch.tensor([8.0, 8.0]), torch.tensor([-10.0, -2.0])
    path = [position]
    while (path[-1] - goal).norm() > 1e-3:
        path.append(path[-1] + 0.2 * way_through_doors(path[-1], goal))
    by_left = [point for point in path if abs(point[0]) < 0.5 and point[1] > 0]
    assert by_left  # through the door at (0, 6) and then that at (-6, 0)
    assert len(path) < 110


def test_no_environments_are_refused() -> None:
    with pytest.raises(UsageError, match="num_envs is 0"):
        FourRooms(num_envs=0)
