"""SHER, Soft Hindsight Experience Replay (arXiv:2002.02089): hindsight goals and a maximum-entropy actor-critic.

python recipes/sher.py --env FetchPush-v4 --seed 1
python recipes/sher.py --env HandManipulateEgg-v1 --help
"""

import importlib
from collections.abc import Callable, Sequence
from functools import partial

import openmp  # noqa: F401  # first, since torch reads what it sets
import torch
from tensordict.nn import TensorDictModule
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose

import sher_rl
from sher_rl.cli.recipe import cli_of_tasks
from sher_rl.modules.networks import Networks
from sher_rl.tasks import get_task
from sher_rl.training import samplers

SAMPLERS: dict[str, Callable[[sher_rl.Config, sher_rl.HindsightRelabel], samplers.Sampling]] = {
    "uniform": samplers.uniform,
    "per": partial(samplers.prioritized, alpha=0.6, beta=0.4),
    "cher": partial(samplers.curriculum, growth_per_epoch=0.205),
    "ebp": samplers.energy,
    "cdp": partial(samplers.density, kind=sher_rl.CDPSampler),
    "mep": partial(samplers.density, kind=sher_rl.MEPSampler),
}
"""What ``--sampler`` chooses from, with the numbers of the papers' code."""

CRITICS: dict[str, Callable[[sher_rl.GoalDims, Sequence[int]], Networks]] = {
    "concat": sher_rl.make_networks,
    "two-stream": partial(sher_rl.make_two_stream_networks, embedding=16),
    "merged": partial(sher_rl.make_merged_networks, embedding=16),
    "bilinear": partial(sher_rl.make_bilinear_networks, embedding=16),
}
"""What ``--critic`` chooses from."""


def published(env_id: str) -> sher_rl.Config:
    """Numbers of a task, those of its own recipe."""
    task = get_task(env_id)
    if task.goal_moves:
        raise sher_rl.UsageError(f"env_id {env_id!r} has a goal that moves; use recipes/dher.py, with --share 0 --k 4.")
    return importlib.import_module(f"sher_{task.name}").CONFIG


def build(config: sher_rl.Config) -> sher_rl.Parts:
    """Parts of a run; the lines are those of the paper's Algorithm 1."""
    torch.manual_seed(config.seed)
    env = sher_rl.make_env(
        config.env_id,
        config.num_envs,
        seed=config.train_seed,
        num_threads=config.num_threads,
    )
    dims = sher_rl.GoalDims.of(env)
    normalizer = make_normalizer(config, dims)
    actor, qvalue, value = CRITICS[config.critic](normalizer.dims, config.hidden)  # line 1
    storage = LazyTensorStorage(config.buffer_size, device=config.device)  # line 2
    policy = sher_rl.make_policy(normalizer.observation, normalizer.goal, actor).to(config.device)
    explorer = sher_rl.make_explorer(  # lines 4-8
        exploring(config, policy),
        env,
        random_action=config.random_action,
    ).to(config.device)
    relabel = sher_rl.HindsightRelabel(  # lines 9-15
        sher_rl.goal_reward(config.env_id),
        storage,
        k=config.k,
        strategy=config.strategy,
        goal_noise=config.goal_noise,
        min_motion=config.min_motion,
    )
    sampling = SAMPLERS[config.sampler](config, relabel)  # line 16
    buffer = TensorDictReplayBuffer(
        storage=storage,
        sampler=sampling.sampler,
        transform=Compose(relabel, normalizer),
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
    # Lines 19-24. The learner has the gradient of the loss written out, and does not call the loss.
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


def make_normalizer(config: sher_rl.Config | sher_rl.HerConfig, dims: sher_rl.GoalDims) -> sher_rl.GoalNormalizer:
    """What the networks see."""
    goal = sher_rl.make_goal_norm(config.env_id, dims.goal) if config.pose_difference else None
    observation = sher_rl.make_observation_norm(config.env_id, dims.observation) if config.symmetric else None
    return sher_rl.GoalNormalizer(dims, goal, observation)


def exploring(config: sher_rl.Config | sher_rl.HerConfig, policy: TensorDictModule) -> TensorDictModule:
    """The policy, in a share of the environments toward waypoints."""
    if not config.waypoint_share:
        return policy
    return sher_rl.toward_waypoints(policy, angle=config.waypoint_angle, share=config.waypoint_share)


def main(config: sher_rl.Config) -> None:
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
