"""SHER on HandReach-v3: bring five fingertips to five points.

python recipes/sher_hand_reach.py --seed 1 --total-frames 5000
python -m sher_rl.play runs/RUN --episodes 20
"""

import torch
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose

import sher_rl

CONFIG = sher_rl.Config(
    env_id="HandReach-v3",
    method="sher",
    total_frames=1_000_000,
    num_envs=16,
    frames_per_batch=800,  # 16 episodes
    updates_per_batch=320,  # 0.4 a step, as in HER's baselines; about 100 samples learned per step
    random_frames=1_600,
    random_action=0.2,
    buffer_size=1_000_000,
    batch_size=256,  # as in the Fetch recipes
    k=4,
    hidden=(256, 256, 256),
    actor_lr=1e-3,
    critic_lr=1e-3,
    alpha=0.001,  # fifteen numbers within a centimetre take a sharp policy, whose entropy is far below 0
    target_entropy=None,
    gamma=0.96,  # half the published horizon, 1 / (1 - γ), as in the Fetch recipes
    polyak=0.995,
    clip="hard",
    actor_q="q1",
    eval_frames=50_000,
    eval_episodes=100,
)


def main(config: sher_rl.Config) -> None:
    torch.manual_seed(config.seed)
    env = sher_rl.make_env(config.env_id, config.num_envs, seed=config.train_seed)
    dims = sher_rl.GoalDims.of(env)
    actor, qvalue, value = sher_rl.make_networks(dims, config.hidden)  # line 1
    storage = LazyTensorStorage(config.buffer_size, device=config.device)  # line 2
    relabel = sher_rl.HindsightRelabel(sher_rl.goal_reward(config.env_id), storage, k=config.k)  # lines 12-15
    normalizer = sher_rl.GoalNormalizer(dims)
    sampler, on_cycle = sher_rl.make_sampler(config, relabel)
    buffer = TensorDictReplayBuffer(storage=storage, sampler=sampler, transform=Compose(relabel, normalizer))
    policy = sher_rl.make_policy(normalizer.observation, normalizer.goal, actor).to(config.device)
    explorer = sher_rl.make_explorer(policy, env, random_action=config.random_action).to(config.device)  # line 6
    options = {key: getattr(config, key) for key in ("alpha", "gamma", "clip", "actor_q", "target_entropy")}
    loss = sher_rl.SoftMultiGoalLoss(actor, qvalue, value, **options).to(config.device)  # lines 19-24
    rates = {"actor_lr": config.actor_lr, "critic_lr": config.critic_lr, "polyak": config.polyak}
    learner = sher_rl.FusedLearner(loss, **rates, dtype=sher_rl.fast_dtype(config.device), compile=config.compile)
    parts = {"policy": policy, "explorer": explorer, "normalizer": normalizer, "relabel": relabel, "buffer": buffer}
    sher_rl.train(config, env=env, learner=learner, on_cycle=on_cycle, **parts)


if __name__ == "__main__":
    sher_rl.cli(main, CONFIG)
