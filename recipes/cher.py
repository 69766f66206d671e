"""CHER, the baseline (NeurIPS 2019): HER that learns from diverse goals first, from close ones later.

python recipes/cher.py --env FetchReach-v4 --seed 1
python recipes/cher.py --env HandManipulateEgg-v1 --help
"""

import sher
import torch
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose

import sher_rl
from sher_rl.cli.recipe import cli_of_tasks
from sher_rl.tasks import get_task


def published(env_id: str) -> sher_rl.HerConfig:
    """Numbers of a task, those of openai/baselines and of github.com/mengf1/CHER."""
    task = get_task(env_id)
    return sher_rl.HerConfig(
        env_id=env_id,
        method="cher",
        total_frames=500_000,
        num_envs=2,
        frames_per_batch=2 * task.episode_steps,  # a cycle
        updates_per_batch=40,
        random_frames=0,
        random_action=0.3,
        action_noise=0.2,
        buffer_size=1_000_000,
        batch_size=64,
        k=4,
        hidden=(256, 256, 256),
        actor_lr=1e-3,
        critic_lr=1e-3,
        gamma=1 - 1 / task.episode_steps,
        action_l2=1.0,
        polyak=0.95,  # once in a cycle
        eval_frames=2 * task.episode_steps * task.cycles_per_epoch,  # an epoch
        eval_episodes=100,
    )


def build(config: sher_rl.HerConfig) -> sher_rl.Parts:
    """Parts of a run."""
    torch.manual_seed(config.seed)
    env = sher_rl.make_env(
        config.env_id,
        config.num_envs,
        seed=config.train_seed,
        num_threads=config.num_threads,
    )
    dims = sher_rl.GoalDims.of(env)
    normalizer = sher.make_normalizer(config, dims)
    actor, qvalue = sher_rl.make_ddpg_networks(normalizer.dims, config.hidden)
    storage = LazyTensorStorage(config.buffer_size, device=config.device)
    policy = sher_rl.make_policy(normalizer.observation, normalizer.goal, actor).to(config.device)
    explorer = sher_rl.make_explorer(
        sher.exploring(config, policy),
        env,
        random_action=config.random_action,
        noise=config.action_noise,
    ).to(config.device)
    relabel = sher_rl.HindsightRelabel(sher_rl.goal_reward(config.env_id), storage, k=config.k)
    sampler = sher_rl.CHERSampler(
        relabel,
        pool_ratio=2,
        batch_size=config.batch_size,
        num_neighbors=1,
        lambda_init=1.0,
        lambda_growth=1e-4,
        lambda_period=config.updates_per_batch * get_task(config.env_id).cycles_per_epoch,
    )
    buffer = TensorDictReplayBuffer(storage=storage, sampler=sampler, transform=Compose(relabel, normalizer))
    loss = sher_rl.MultiGoalDDPGLoss(
        actor,
        qvalue,
        gamma=config.gamma,
        action_l2=config.action_l2,
    ).to(config.device)
    # The learner has the gradient of the loss written out, and does not call the loss.
    learner = sher_rl.FusedLearner(
        loss,
        actor_lr=config.actor_lr,
        critic_lr=config.critic_lr,
        polyak=config.polyak,
        target_every=config.updates_per_batch,
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
    )


def main(config: sher_rl.HerConfig) -> None:
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
    cli_of_tasks(main, published)
