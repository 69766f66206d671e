"""DHER (Fang et al., ICLR 2019) with SHER's actor-critic: goals that move, and hindsight that splices their ways.

python recipes/dher.py --env DyReach-v0 --seed 1
python recipes/dher.py --env DyPush-v0 --share 0 --k 4    # ordinary hindsight, to compare
"""

import dataclasses

import sher
import torch
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose

import sher_rl
from sher_rl.cli.recipe import cli_of_tasks

REACH = sher_rl.DherConfig(
    env_id="DyReach-v0",
    method="dher",
    total_frames=16_000,
    num_envs=16,
    frames_per_batch=800,  # 16 episodes
    updates_per_batch=320,
    random_frames=1_600,
    random_action=0.2,
    buffer_size=200_000,
    batch_size=256,
    k=0,  # what is not spliced keeps its goal, as published
    hidden=(256, 256, 256),
    actor_lr=1e-3,
    critic_lr=1e-3,
    alpha=0.03,
    target_entropy=None,
    gamma=0.98,  # 1 - 1/T, with T = 50
    polyak=0.995,
    clip="hard",
    actor_q="q1",
    eval_frames=4_000,
    eval_episodes=100,
    cell=0.01,  # metres, as published
    share=0.8,  # as published
)
CONFIGS = {
    "DyReach-v0": REACH,
    "DyReachFast-v0": dataclasses.replace(REACH, env_id="DyReachFast-v0", total_frames=48_000),
    "DyCircle-v0": dataclasses.replace(REACH, env_id="DyCircle-v0"),
    "DyPush-v0": dataclasses.replace(REACH, env_id="DyPush-v0", total_frames=150_000, eval_frames=10_000),
}


def published(env_id: str) -> sher_rl.DherConfig:
    """Numbers of a task."""
    if env_id not in CONFIGS:
        raise sher_rl.UsageError(f"env_id {env_id!r:.80} has no goal that moves; use one of {', '.join(CONFIGS)}.")
    return CONFIGS[env_id]


def build(config: sher_rl.DherConfig) -> sher_rl.Parts:
    """Parts of a run."""
    torch.manual_seed(config.seed)
    env = sher_rl.make_env(
        config.env_id,
        config.num_envs,
        seed=config.train_seed,
        num_threads=config.num_threads,
    )
    dims = sher_rl.GoalDims.of(env)
    actor, qvalue, value = sher.CRITICS[config.critic](dims, config.hidden)
    storage = LazyTensorStorage(config.buffer_size, device=config.device)
    normalizer = sher_rl.GoalNormalizer(dims)
    policy = sher_rl.make_policy(normalizer.observation, normalizer.goal, actor).to(config.device)
    explorer = sher_rl.make_explorer(policy, env, random_action=config.random_action).to(config.device)
    relabel = sher_rl.HindsightRelabel(
        sher_rl.goal_reward(config.env_id),
        storage,
        k=config.k,
        strategy=config.strategy,
        goal_noise=config.goal_noise,
        min_motion=config.min_motion,
    )
    spliced = sher_rl.SplicedGoals(relabel, cell=config.cell, share=config.share)
    sampling = sher.SAMPLERS[config.sampler](config, relabel)
    buffer = TensorDictReplayBuffer(
        storage=storage,
        sampler=sampling.sampler,
        transform=Compose(relabel, spliced, normalizer),
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


def main(config: sher_rl.DherConfig) -> None:
    """Train, and report."""
    if config.ray:
        sher_rl.train_on_ray(config, build)
        return
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
    )


if __name__ == "__main__":
    cli_of_tasks(main, published, "DyReach-v0")
