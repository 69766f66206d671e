"""Four rooms with doors between them, and an expert that knows the way: the smaller task of Goal-GAIL."""

from __future__ import annotations

import torch
from tensordict.nn import TensorDictModule
from torch import Tensor

from sher_rl.envs.points import Points

STEP = 0.2
EPISODE_STEPS = 300
START = 8.0
HALF_WALL = 0.5
ROOM = 11.0
DOOR = 6.0


class FourRooms(Points):
    """A batch of points, each in four rooms of its own: a square of 23 by 23 with walls along both of its axes.

    A wall is 1 thick. Each of its four arms has a door in the middle, 1 wide. An episode starts at ``(8, 8)``, and ends
    within 1 of the goal or after 300 steps. The action is the way to go, up to 0.2 along each axis, first along x;
    what would end in a wall is left out. Goals are drawn uniformly from all four rooms. The farthest room is two doors
    away.

    Keys and shapes are those of :func:`~sher_rl.make_env`; ``observation`` is the position. The goal of environment
    ``i`` is drawn as if it was seeded alone by ``seed + i``.

    Args:
        num_envs: copies.
        seed: seed of the first environment.

    Raises:
        UsageError: ``num_envs`` is no count.

    The four rooms of Goal-GAIL (Ding et al., NeurIPS 2019, arXiv:1906.05838), written anew: the original steps a MuJoCo
    ball, takes no part of a step that would end in a wall, and lets goals lie in doors, too.

    >>> env = FourRooms(num_envs=3)
    >>> env.rollout(5)["next", "observation"].shape
    torch.Size([3, 5, 2])
    """

    def __init__(self, num_envs: int = 1, *, seed: int = 0) -> None:
        start = {"position": torch.tensor([START, START])}
        super().__init__(start, num_envs, distance=1.0, episode_steps=EPISODE_STEPS, seed=seed)

    def _moved(self, action: Tensor) -> dict[str, Tensor]:
        position = self._state["position"]
        for along in torch.eye(2):
            new = position + STEP * action * along
            position = torch.where(in_wall(new).unsqueeze(1), position, new)
        return {"position": position}

    def _goal_of(self, draw: Tensor) -> Tensor:
        side = 2 * draw - 1
        return side.sign() * HALF_WALL + ROOM * side


def in_wall(position: Tensor) -> Tensor:
    """Whether positions ``(*batch, 2)`` are in a wall or outside, bool ``(*batch,)``.

    >>> in_wall(torch.tensor([[8.0, 8.0], [0.0, 8.0], [0.0, 6.2], [0.0, 0.0], [11.6, 8.0]]))
    tensor([False,  True, False,  True,  True])
    """
    off = position.abs()
    outside = (off > HALF_WALL + ROOM).any(-1)
    in_arm = off <= HALF_WALL
    at_door = (off - DOOR).abs() < HALF_WALL
    return outside | (in_arm & ~at_door.flip(-1)).any(-1)


def make_four_rooms_expert() -> TensorDictModule:
    """A module that goes the shortest way through the doors, from ``observation`` and ``desired_goal`` to ``action``.

    It has no state and no weights.

    >>> expert = make_four_rooms_expert()
    >>> steps = FourRooms(num_envs=4).rollout(300, expert, break_when_any_done=False, break_when_all_done=True)
    >>> bool(steps["next", "is_success"][:, -1].all())
    True
    """
    return TensorDictModule(way_through_doors, ["observation", "desired_goal"], ["action"])


def way_through_doors(position: Tensor, goal: Tensor) -> Tensor:
    """Actions ``(*batch, 2)`` in [-1, 1] on the shortest way from positions to goals, ``(*batch, 2)`` each.

    >>> way_through_doors(torch.tensor([8.0, 8.0]), torch.tensor([8.1, 9.0]))
    tensor([0.5000, 1.0000])
    """
    way = _next_target(position, goal) - position
    return (way / STEP).clamp(-1, 1)


def _next_target(position: Tensor, goal: Tensor) -> Tensor:
    """The point to head for: the goal in its own room, elsewhere the side of a door that is next."""
    crosses = _crosses(position, goal)
    along = torch.where(crosses.any(-1, keepdim=True), _through(position, goal, crosses), goal)
    in_door = position.abs() <= HALF_WALL
    return torch.where(in_door.any(-1, keepdim=True), _through(position, goal, in_door), along)


def _crosses(position: Tensor, goal: Tensor) -> Tensor:
    """Of which axis the wall is to be crossed next, bool ``(*batch, 2)``, at most one: the one on the shorter way."""
    apart = position.sign() != goal.sign()
    first = _length_through(position, goal, 0) <= _length_through(position, goal, 1)
    preferred = torch.stack((first, ~first), -1)
    return torch.where(apart.all(-1, keepdim=True), preferred, apart)


def _length_through(position: Tensor, goal: Tensor, axis: int) -> Tensor:
    """Length ``(*batch,)`` of the way to the opposite room that crosses the wall of ``axis`` first."""
    one = _door(position, axis)
    other = _door(goal, 1 - axis)
    return sum((end - begin).norm(dim=-1) for begin, end in ((position, one), (one, other), (other, goal)))


def _door(position: Tensor, axis: int) -> Tensor:
    """The door ``(*batch, 2)`` of the room of a position, in the wall that is crossed along ``axis``."""
    door = position.sign() * DOOR
    door[..., axis] = 0
    return door


def _through(position: Tensor, goal: Tensor, axis: Tensor) -> Tensor:
    """Where to head to get through the door along the one ``axis`` that is True, ``(*batch, 2)``.

    Before the door if it is not straight ahead, else behind it.
    """
    door = position.sign() * DOOR
    ahead = ((position - door).abs() < STEP / 2) | axis
    side = torch.where(ahead.all(-1, keepdim=True), goal.sign(), position.sign())
    return torch.where(axis, side * 2 * HALF_WALL, door)
