"""Goal-GAIL (arXiv:1906.05838): HER from a few demonstrations, whose reward is to look like the expert.

python recipes/goal_gail.py --env FourRooms --seed 1
python recipes/goal_gail.py --env FetchPickAndPlace-v4 --seed 1
python recipes/goal_gail.py --env FourRooms --k 0  # GAIL alone
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import experts
import openmp  # noqa: F401  # first, since torch reads what it sets
import torch
from tensordict import TensorDictBase
from tensordict.nn import TensorDictModuleBase
from torchrl.data import LazyTensorStorage, RandomSampler, TensorDictReplayBuffer
from torchrl.envs import Compose, EnvBase, TransformedEnv
from torchrl.envs.transforms import TerminateTransform

import sher_rl
from sher_rl.cli.recipe import cli_of_tasks
from sher_rl.functional.rewards import RewardFn
from sher_rl.training.evaluation import TEST_ENVS


class Task(NamedTuple):
    """A task with an expert."""

    train_env: Callable[[int, int], EnvBase]
    """Environments whose episodes end at the goal, from their number and the seed of the first."""
    test_env: Callable[[int], EnvBase]
    """Environments for evaluations, from their number."""
    reward: RewardFn
    """0 at the goal and -1 elsewhere."""
    expert: TensorDictModuleBase
    """From ``observation`` and ``desired_goal`` to ``action``."""
    part: slice
    """Of the observation, for the discriminator."""


def four_rooms(config: sher_rl.GoalGailConfig) -> Task:
    """The paper's smaller task."""
    return Task(
        train_env=lambda num_envs, seed: sher_rl.FourRooms(num_envs, seed=seed),
        test_env=sher_rl.FourRooms,
        reward=sher_rl.FourRooms().reward_fn,
        expert=sher_rl.make_four_rooms_expert(),
        part=slice(None),
    )


def fetch(config: sher_rl.GoalGailConfig) -> Task:
    """A Fetch task, such as the paper's larger one; in tests, episodes go on at the goal."""
    make_env = partial(sher_rl.make_env, config.env_id, num_threads=config.num_threads)
    return Task(
        train_env=lambda num_envs, seed: TransformedEnv(make_env(num_envs, seed=seed), TerminateTransform(succeeded)),
        test_env=make_env,
        reward=sher_rl.goal_reward(config.env_id),
        expert=experts.make_expert(config.env_id),
        part=slice(0, 10),  # without velocities and turns, as published
    )


def succeeded(step: TensorDictBase) -> torch.Tensor:
    """Whether a step met the goal, bool ``(*batch, 1)``."""
    return step.get("is_success").bool()


TASKS = {"FourRooms": four_rooms, "FetchPickAndPlace-v4": fetch}
COMMON = {
    "method": "goal_gail",
    "random_action": 0.3,
    "action_noise": 0.15,
    "batch_size": 256,
    "k": 4,
    "action_l2": 0.0,
    "demonstrations": 20,
    "expert_k": 4,
    "expert_share": 1 / 4,
    "gail_weight": 0.1,
    "gail_decay": 1.0,
    "discriminator_reads": "next",
    "discriminator_batch": 128,
    "discriminator_lr": 1e-3,
    "discriminator_noise": 0.15,
    "eval_episodes": 100,
    "train_eval_episodes": 0,
}
"""Numbers of both tasks, the published ones."""
FOUR_ROOMS = {
    "total_frames": 100_000,
    "num_envs": 20,
    "frames_per_batch": 1_000,
    "updates_per_batch": 100,
    "random_frames": 0,
    "buffer_size": 1_000_000,
    "hidden": (256, 256),
    "actor_lr": 1e-3,
    "critic_lr": 1e-3,
    "gamma": 0.98,
    "polyak": 0.98,
    "goal_weight": 0.0,
    "discriminator_updates": 25,
    "eval_frames": 10_000,
}
PICK_AND_PLACE = {
    "total_frames": 50_000,
    "num_envs": 16,
    "frames_per_batch": 800,
    "updates_per_batch": 320,
    "random_frames": 0,
    "buffer_size": 1_000_000,
    "hidden": (256, 256, 256),
    "actor_lr": 1e-3,
    "critic_lr": 1e-3,
    "gamma": 0.96,
    "polyak": 0.995,
    "goal_weight": 1.0,  # published: 0, with which 24,000 steps taught nothing
    "discriminator_updates": 160,
    "eval_frames": 5_000,
}
NUMBERS = {"FourRooms": FOUR_ROOMS, "FetchPickAndPlace-v4": PICK_AND_PLACE}


def published(env_id: str) -> sher_rl.GoalGailConfig:
    """Numbers of a task."""
    if env_id not in TASKS:
        raise sher_rl.UsageError(f"env_id {env_id!r:.80} has no demonstrations here; use {' or '.join(TASKS)}.")
    return sher_rl.GoalGailConfig(env_id=env_id, **COMMON, **NUMBERS[env_id])


def demonstrate(config: sher_rl.GoalGailConfig, task: Task) -> TensorDictReplayBuffer:
    """A buffer of the expert's episodes, each up to its goal, relabelled when it is read."""
    env = task.train_env(config.demonstrations, 0)
    rows = sher_rl.record_demonstrations(
        task.expert, env, episodes=config.demonstrations, seed=config.train_seed + 75_000, successful=True
    )
    env.close()
    storage = LazyTensorStorage(len(rows), device=config.device)
    generator = torch.Generator().manual_seed(config.seed)
    relabel = sher_rl.HindsightRelabel(task.reward, storage, k=config.expert_k, generator=generator)
    buffer = TensorDictReplayBuffer(storage=storage, transform=relabel, generator=generator)
    buffer.extend(rows)
    return buffer


def build(config: sher_rl.GoalGailConfig) -> sher_rl.Parts:
    """Parts of a run."""
    torch.manual_seed(config.seed)
    task = TASKS[config.env_id](config)
    env = task.train_env(config.num_envs, config.train_seed)
    dims = sher_rl.GoalDims.of(env)
    actor, qvalue = sher_rl.make_ddpg_networks(dims, config.hidden)
    storage = LazyTensorStorage(config.buffer_size, device=config.device)
    normalizer = sher_rl.GoalNormalizer(dims)
    policy = sher_rl.make_policy(normalizer.observation, normalizer.goal, actor).to(config.device)
    explorer = sher_rl.make_explorer(
        policy,
        env,
        random_action=config.random_action,
        noise=config.action_noise,
    ).to(config.device)
    demonstrations = demonstrate(config, task)
    normalizer.update(demonstrations.sample(len(demonstrations)))
    discriminator = sher_rl.GoalDiscriminator(
        dims,
        normalizer.observation,
        normalizer.goal,
        reads=config.discriminator_reads,
        part=task.part,
    ).to(config.device)
    relabel = sher_rl.HindsightRelabel(task.reward, storage, k=config.k)
    mix = sher_rl.MixDemonstrations(demonstrations, share=config.expert_share)
    reward = sher_rl.ImitationReward(
        discriminator,
        goal_weight=config.goal_weight,
        gail_weight=config.gail_weight,
        decay=config.gail_decay,
    )
    buffer = TensorDictReplayBuffer(
        storage=storage,
        sampler=RandomSampler(),
        transform=Compose(relabel, mix, reward, normalizer),
    )
    loss = sher_rl.MultiGoalDDPGLoss(
        actor,
        qvalue,
        gamma=config.gamma,
        action_l2=config.action_l2,
    ).to(config.device)
    learner = sher_rl.FusedLearner(
        loss,
        actor_lr=config.actor_lr,
        critic_lr=config.critic_lr,
        polyak=config.polyak,
        dtype=sher_rl.fast_dtype(config.device),
        compile=config.compile,
    )
    discriminator_learner = sher_rl.DiscriminatorLearner(
        sher_rl.GoalGAILLoss(discriminator, action_noise=config.discriminator_noise),
        reward,
        storage,
        demonstrations,
        lr=config.discriminator_lr,
        batch_size=config.discriminator_batch,
        updates=config.discriminator_updates,
    )
    return sher_rl.Parts(
        env=env,
        policy=policy,
        explorer=explorer,
        normalizer=normalizer,
        relabel=relabel,
        buffer=buffer,
        learner=learner,
        on_cycle=discriminator_learner,
    )


def main(config: sher_rl.GoalGailConfig) -> None:
    """Train, and report."""
    parts = build(config)
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
        test_env=TASKS[config.env_id](config).test_env(min(TEST_ENVS, config.eval_episodes)),
    )


if __name__ == "__main__":
    cli_of_tasks(main, published, "FourRooms")
