"""SHER against a rival: Competitive Experience Replay (arXiv:1902.00528).

python recipes/cer.py --env FetchPush-v4 --seed 1
python recipes/cer.py --env PointMaze_UMaze-v3 --seed 1
"""

import dataclasses
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import NamedTuple

import sher
import torch
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer, TensorStorage
from torchrl.envs import Compose, EnvBase, RewardScaling, TransformedEnv

import sher_rl
from sher_rl.cli.recipe import cli_of_tasks
from sher_rl.functional.rewards import RewardFn, point_reward
from sher_rl.replay.rival import Exchange
from sher_rl.training.evaluation import TEST_ENVS

U = [[1, 1, 1, 1, 1], [1, "r", "g", "g", 1], [1, 1, 1, "g", 1], [1, "g", "g", "g", 1], [1, 1, 1, 1, 1]]
"""A maze of seven cells, from one end of it."""
RIVAL_SEED = 25_000
"""From the first training environment's seed to the rival's first."""


class Task(NamedTuple):
    """A task, and where its agents meet."""

    make: Callable[..., EnvBase]
    """Environments, from their number, the seed of the first and the number of threads."""
    reward: RewardFn
    """Of achieved and desired goals."""
    meeting_distance: float
    """Between achieved goals."""


def fetch(env_id: str, meeting_distance: float) -> Task:
    """A Fetch task."""
    return Task(partial(sher_rl.make_env, env_id), sher_rl.goal_reward(env_id), meeting_distance)


def maze(env_id: str, steps: int) -> Task:
    """A maze of gymnasium-robotics in the form of a U, with rewards of -1 and 0, as the Fetch tasks have them."""
    kwargs = {"maze_map": U, "reset_target": False, "max_episode_steps": steps}
    return Task(partial(make_maze, env_id, **kwargs), partial(point_reward, distance=0.45), 0.5)


def make_maze(env_id: str, num_envs: int, *, seed: int, num_threads: int | None, **kwargs: object) -> EnvBase:
    """Copies of a maze whose rewards are -1 and 0; gymnasium steps them in turn, whatever ``num_threads`` is."""
    env = sher_rl.make_env(env_id, num_envs, seed=seed, backend="gym", **kwargs)
    return TransformedEnv(env, RewardScaling(loc=-1.0, scale=1.0))


TASKS: dict[str, Callable[[], Task]] = {
    "FetchPush-v4": partial(fetch, "FetchPush-v4", 0.01),
    "PointMaze_UMaze-v3": partial(maze, "PointMaze_UMaze-v3", 100),
    "AntMaze_UMaze-v5": partial(maze, "AntMaze_UMaze-v5", 300),
}


def apart(first: EnvBase, second: EnvBase) -> tuple[EnvBase, EnvBase]:
    """Let both agents start as the task has it (ind-CER)."""
    return first, second


def visited(first: EnvBase, second: EnvBase) -> tuple[EnvBase, EnvBase]:
    """Let the second start where the first has just been (int-CER)."""
    kept = sher_rl.KeepVisited()
    return TransformedEnv(first, kept), TransformedEnv(second, sher_rl.StartVisited(kept))


STARTS = {"apart": apart, "visited": visited}
"""What ``--rival-starts`` chooses from."""


def task_of(env_id: str) -> Task:
    """The task of an id."""
    if env_id not in TASKS:
        raise sher_rl.UsageError(f"env_id {env_id!r:.80} has no distance of meetings here; use {', '.join(TASKS)}.")
    return TASKS[env_id]()


def published(env_id: str) -> sher_rl.CerConfig:
    """Numbers of a task: for FetchPush those of its SHER recipe, but for these."""
    task = task_of(env_id)
    numbers = dataclasses.asdict(sher.published("FetchPush-v4"))
    numbers |= NUMBERS.get(env_id, {})
    changed = {
        "env_id": env_id,
        "method": "cer",
        "clip": "none",  # meetings leave the range of returns of rewards in {-1, 0}
        "meeting_distance": task.meeting_distance,
        "rival_starts": "apart",
    }
    return sher_rl.CerConfig(**numbers | changed)


MAZE = {
    "total_frames": 48_000,
    "num_envs": 20,
    "frames_per_batch": 4_000,
    "updates_per_batch": 400,
    "random_frames": 8_000,
    "buffer_size": 200_000,
    "hidden": (64, 64),
    "alpha": 0.01,
    "gamma": 0.99,
    "polyak": 0.99,
    "eval_frames": 12_000,
    "train_eval_episodes": 0,
}
"""Numbers of the mazes."""
ANT = {
    "total_frames": 150_000,
    "frames_per_batch": 6_000,
    "updates_per_batch": 1_500,
    "random_frames": 12_000,
    "hidden": (256, 256),
    "eval_frames": 30_000,
}
"""Numbers that the ant has for itself: it has to learn to walk."""
NUMBERS = {"PointMaze_UMaze-v3": MAZE, "AntMaze_UMaze-v5": MAZE | ANT}


def build(config: sher_rl.CerConfig) -> sher_rl.Parts:
    """Parts of a run: those of the first agent, with the rival between its rounds of updates."""
    torch.manual_seed(config.seed)
    make = partial(task_of(config.env_id).make, config.num_envs, num_threads=config.num_threads)
    seeds = (config.train_seed, config.train_seed + RIVAL_SEED)
    first, second = STARTS[config.rival_starts](*(make(seed=seed) for seed in seeds))
    mine = LazyTensorStorage(config.buffer_size, device=config.device)
    theirs = LazyTensorStorage(config.buffer_size, device=config.device)
    parts = agent(config, first, mine, theirs, sher_rl.meeting_penalty)
    rivals = agent(config, second, theirs, mine, sher_rl.meeting_bonus)
    return dataclasses.replace(parts, on_cycle=sher_rl.Rival(config, rivals, parts.on_cycle))


def agent(
    config: sher_rl.CerConfig, env: EnvBase, storage: TensorStorage, rival: TensorStorage, exchange: Exchange
) -> sher_rl.Parts:
    """Parts of one agent, whose rewards the other's rows change."""
    actor, qvalue, value = sher.CRITICS[config.critic](sher_rl.GoalDims.of(env), config.hidden)
    normalizer = sher_rl.GoalNormalizer(sher_rl.GoalDims.of(env))
    policy = sher_rl.make_policy(normalizer.observation, normalizer.goal, actor).to(config.device)
    explorer = sher_rl.make_explorer(policy, env, random_action=config.random_action).to(config.device)
    relabel = sher_rl.HindsightRelabel(
        task_of(config.env_id).reward,
        storage,
        k=config.k,
        strategy=config.strategy,
        goal_noise=config.goal_noise,
        min_motion=config.min_motion,
    )
    rewards = sher_rl.RivalRewards(exchange, rival, distance=config.meeting_distance, batch_size=config.batch_size)
    sampling = sher.SAMPLERS[config.sampler](config, relabel)
    buffer = TensorDictReplayBuffer(
        storage=storage,
        sampler=sampling.sampler,
        transform=Compose(relabel, rewards, normalizer),
        generator=sampling.generator,
    )
    loss = sher_rl.SoftMultiGoalLoss(
        actor,
        qvalue,
        value,
        alpha=config.alpha,
        gamma=config.gamma,
        clip=config.clip,
        actor_q=config.actor_q,
        target_entropy=config.target_entropy,
    ).to(config.device)
    learner = sher_rl.FusedLearner(
        loss,
        actor_lr=config.actor_lr,
        critic_lr=config.critic_lr,
        polyak=config.polyak,
        dtype=sher_rl.fast_dtype(config.device),
        compile=config.compile,
    )
    return sher_rl.Parts(
        env=env,
        policy=policy,
        explorer=explorer,
        normalizer=normalizer,
        relabel=relabel,
        buffer=buffer,
        learner=learner,
        on_cycle=sampling.on_cycle,
    )


def main(config: sher_rl.CerConfig) -> None:
    """Train, and report."""
    parts = build(config)
    make = task_of(config.env_id).make
    test_envs = min(TEST_ENVS, config.eval_episodes)
    with closing(parts.on_cycle):
        sher_rl.train(
            config,
            env=parts.env,
            policy=parts.policy,
            explorer=parts.explorer,
            normalizer=parts.normalizer,
            relabel=parts.relabel,
            buffer=parts.buffer,
            learner=parts.learner,
            on_cycle=parts.on_cycle,
            test_env=make(test_envs, seed=config.test_seed, num_threads=config.num_threads),
        )


if __name__ == "__main__":
    cli_of_tasks(main, published)
