"""Print how many goals a row had achieved already: ``python benchmarks/studies/still_goals.py [ENV_ID ...]``."""

from __future__ import annotations

import sys

import torch
from tensordict import TensorDictBase
from tensordict.nn import TensorDictModuleBase
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer

from sher_rl import HindsightRelabel, UsageError, goal_reward, load_policy, make_env, pretrained
from sher_rl.tasks import get_task

TASKS = ["FetchPush-v4", "FetchPickAndPlace-v4", "FetchSlide-v4", "HandManipulateEgg-v1", "HandReach-v3"]
DISTANCES = [0.0, 0.001, 0.005, 0.01, 0.05]
ROWS = 20_000


def policy_of(env_id: str) -> TensorDictModuleBase | None:
    """The policy in the package, if there is one."""
    try:
        return load_policy(pretrained(env_id))
    except UsageError:
        return None


def play(env_id: str, policy: TensorDictModuleBase | None) -> TensorDictBase:
    """64 episodes of a policy, or of random actions, ``[env, time]``."""
    env = make_env(env_id, 16, seed=7)
    steps = get_task(env_id).episode_steps
    return torch.cat([env.rollout(steps, policy) for _ in range(4)])


def batch_of(env_id: str, episodes: TensorDictBase, min_motion: float) -> TensorDictBase:
    """Rows with future goals, the same draws for each ``min_motion``."""
    storage = LazyTensorStorage(episodes.numel())
    draws, rows = (torch.Generator().manual_seed(seed) for seed in (0, 1))
    relabel = HindsightRelabel(goal_reward(env_id), storage, min_motion=min_motion, generator=draws)
    buffer = TensorDictReplayBuffer(storage=storage, transform=relabel, batch_size=ROWS, generator=rows)
    buffer.extend(episodes)
    return buffer.sample()


def show(env_id: str, who: str, episodes: TensorDictBase) -> None:
    """Print for each distance the share of drawn goals that are given, and of rows that get a reward of 0."""
    batches = {distance: batch_of(env_id, episodes, distance) for distance in DISTANCES}
    drawn = batches[0.0]["hindsight", "relabelled"].sum()
    for distance, batch in batches.items():
        given = batch["hindsight", "relabelled"].sum() / drawn
        met = (batch["next", "reward"] == 0).double().mean()
        print(f"{env_id}, {who}, min_motion {distance}: {given:.2f} of goals given, reward 0 in {met:.2f} of rows")


def main(env_ids: list[str]) -> None:
    """Of each task, with random actions and with the policy in the package."""
    torch.manual_seed(0)
    for env_id in env_ids:
        show(env_id, "random", play(env_id, None))
        policy = policy_of(env_id)
        if policy is not None:
            show(env_id, "trained", play(env_id, policy))


if __name__ == "__main__":
    main(sys.argv[1:] or TASKS)
