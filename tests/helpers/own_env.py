"""Parts of a run on an environment that is none of the package's tasks."""

from pathlib import Path

import torch
from helpers.small import small_config
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose

import sher_rl
from sher_rl.functional.rewards import RewardFn


def own_run(out_dir: Path, env_id: str, reward: RewardFn, test_env=None, env=None, **changes) -> Path:
    """Train briefly on a gymnasium environment, or on ``env`` in its place, and return the run's folder."""
    numbers = {"env_id": env_id, "frames_per_batch": 60, "random_frames": 60, "total_frames": 120, "eval_frames": 120}
    config = small_config(out_dir, **(numbers | changes))
    torch.manual_seed(config.seed)
    if env is None:
        env = sher_rl.make_env(env_id, config.num_envs, seed=config.train_seed, backend="gym")
    dims = sher_rl.GoalDims.of(env)
    actor, qvalue, value = sher_rl.make_networks(dims, config.hidden)
    storage = LazyTensorStorage(config.buffer_size)
    relabel = sher_rl.HindsightRelabel(reward, storage, k=config.k)
    normalizer = sher_rl.GoalNormalizer(dims)
    policy = sher_rl.make_policy(normalizer.observation, normalizer.goal, actor)
    loss = sher_rl.SoftMultiGoalLoss(actor, qvalue, value, alpha=config.alpha, gamma=config.gamma)
    return sher_rl.train(
        config,
        env=env,
        policy=policy,
        explorer=sher_rl.make_explorer(policy, env, random_action=config.random_action),
        normalizer=normalizer,
        relabel=relabel,
        buffer=TensorDictReplayBuffer(storage=storage, transform=Compose(relabel, normalizer)),
        learner=sher_rl.Learner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.95),
        test_env=test_env,
    )
