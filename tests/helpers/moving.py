"""Episodes on a small grid whose desired goals move, and all that may be spliced of them, found by brute force."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose

from sher_rl import HindsightRelabel, SplicedGoals

SIDE = 4


def reward_fn(achieved: Tensor, desired: Tensor) -> Tensor:
    return -(achieved != desired).any(-1, keepdim=True).float()


def moving_episode(length: int, number: int, seed: int) -> TensorDict:
    """A random walk ``[length]``, and a goal that goes along x; the observation is (number, step)."""
    draw = torch.Generator().manual_seed(seed)
    achieved = torch.randint(SIDE, (length + 1, 2), generator=draw).float()
    desired = torch.randint(SIDE, (1, 2), generator=draw).float().repeat(length + 1, 1)
    desired[:, 0] += torch.arange(length + 1)
    desired[:, 0] %= SIDE
    step = torch.arange(length + 1).float()
    observation = torch.stack((torch.full_like(step, number), step), -1)
    end = torch.zeros(length, 1, dtype=torch.bool)
    end[-1] = True
    following = {"observation": observation[1:], "achieved_goal": achieved[1:], "desired_goal": desired[1:]}
    following |= {"reward": reward_fn(achieved[1:], desired[1:]), "done": end, "terminated": torch.zeros_like(end)}
    now = {"observation": observation[:-1], "achieved_goal": achieved[:-1], "desired_goal": desired[:-1]}
    return TensorDict({**now, "next": following}, [length])


def moving_buffer(capacity: int, *, k: float = 0, batch_size: int = 64, **options) -> TensorDictReplayBuffer:
    storage = LazyTensorStorage(capacity)
    relabel = HindsightRelabel(reward_fn, storage, k=k, generator=torch.Generator().manual_seed(0))
    spliced = SplicedGoals(relabel, cell=1.0, **options)
    transform = Compose(relabel, spliced)
    return TensorDictReplayBuffer(storage=storage, transform=transform, batch_size=batch_size)


def succeeded(episode: TensorDict) -> bool:
    return bool((episode["next", "reward"] >= 0).any())


def may_be_spliced(episodes: list[TensorDict], capacity: int) -> set[tuple]:
    """Of all meetings of rows that a ring still holds: (episode, step, goal, goal after), as published."""
    rows = [(number, step) for number, episode in enumerate(episodes) for step in range(len(episode))][-capacity:]
    alive = set(rows)
    found = set()
    for i, j in rows:
        for k, at in rows:
            one, other = episodes[i], episodes[k]
            meets = torch.equal(one["next", "achieved_goal"][j], other["next", "desired_goal"][at])
            if i == k or succeeded(other) or not meets:
                continue
            for back in range(min(j, at) + 1):
                if {(i, j - back), (k, at - back)} <= alive:
                    goal = tuple(other["desired_goal"][at - back].tolist())
                    after = tuple(other["next", "desired_goal"][at - back].tolist())
                    found.add((i, j - back, goal, after))
    return found
