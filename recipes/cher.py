"""CHER, the baseline: HER that learns from diverse goals first, close ones later, with its published numbers.

python recipes/cher.py --env FetchReach-v4 --seed 1
python recipes/cher.py --env HandManipulateEgg-v1 --help
"""

import argparse

import torch
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose

import sher_rl
from sher_rl.tasks import get_task
from sher_rl.training.config import exit_with_sentence


def published(env_id: str) -> sher_rl.HerConfig:
    task = get_task(env_id)
    steps = task.episode_steps
    return sher_rl.HerConfig(
        env_id=env_id,
        method="cher",
        total_frames=500_000,
        num_envs=2,
        frames_per_batch=2 * steps,  # a cycle
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
        gamma=1 - 1 / steps,
        action_l2=1.0,
        polyak=0.95,  # once in a cycle
        eval_frames=2 * steps * task.cycles_per_epoch,
        eval_episodes=100,
    )


def main(config: sher_rl.HerConfig) -> None:
    torch.manual_seed(config.seed)
    env = sher_rl.make_env(config.env_id, config.num_envs, seed=config.train_seed)
    dims = sher_rl.GoalDims.of(env)
    actor, qvalue = sher_rl.make_ddpg_networks(dims, config.hidden)
    storage = LazyTensorStorage(config.buffer_size, device=config.device)
    relabel = sher_rl.HindsightRelabel(sher_rl.goal_reward(config.env_id), storage, k=config.k)
    normalizer = sher_rl.GoalNormalizer(dims)
    epoch = config.updates_per_batch * config.eval_frames // config.frames_per_batch  # batches in one
    schedule = {"lambda_init": 1.0, "lambda_growth": 1e-4, "lambda_period": epoch}
    sampler = sher_rl.CHERSampler(relabel, pool_ratio=2, batch_size=config.batch_size, num_neighbors=1, **schedule)
    buffer = TensorDictReplayBuffer(storage=storage, sampler=sampler, transform=Compose(relabel, normalizer))
    policy = sher_rl.make_policy(normalizer.observation, normalizer.goal, actor).to(config.device)
    exploration = {"random_action": config.random_action, "noise": config.action_noise}
    explorer = sher_rl.make_explorer(policy, env, **exploration).to(config.device)
    loss = sher_rl.MultiGoalDDPGLoss(actor, qvalue, gamma=config.gamma, action_l2=config.action_l2).to(config.device)
    rates = {"actor_lr": config.actor_lr, "critic_lr": config.critic_lr, "polyak": config.polyak}
    rates["target_every"] = config.updates_per_batch
    learner = sher_rl.FusedLearner(loss, **rates, dtype=sher_rl.fast_dtype(config.device), compile=config.compile)
    parts = {"policy": policy, "explorer": explorer, "normalizer": normalizer, "relabel": relabel, "buffer": buffer}
    sher_rl.train(config, env=env, learner=learner, **parts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--env", "--env-id", default="FetchPush-v4")
    known, others = parser.parse_known_args()
    exit_with_sentence(lambda: sher_rl.cli(main, published(known.env), others))
