"""SHER with a relay (Relay HER, arXiv:2208.00843): one network learns to reach the object, and then the task.

python recipes/relay.py --env FetchPush-v4 --seed 1
"""

import dataclasses

import sher
import torch
from tensordict.nn import TensorDictSequential
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose

import sher_rl
from sher_rl.cli.recipe import cli_of_tasks

TASKS = {
    "FetchPush-v4": {
        "total_frames": 60_000,
        "sub_task_distance": 0.07,  # a box that is pushed moves 5 to 8 cm from the gripper: no guide there
    },
    "FetchPickAndPlace-v4": {
        "total_frames": 150_000,
        "sub_task_distance": 0.03,  # a box that is held is in the gripper
    },
}
"""Where the gripper has to reach the box first, and can stay with it; and the numbers in which they differ."""
GRIPPER = slice(0, 3)
"""Of the Fetch tasks' observations."""
BOX = slice(0, 3)
"""Of their achieved goals."""


def published(env_id: str) -> sher_rl.RelayConfig:
    """Numbers of a task: those of its SHER recipe, but for these."""
    if env_id not in TASKS:
        raise sher_rl.UsageError(f"env_id {env_id!r:.80} has no sub-task here; use {' or '.join(TASKS)}.")
    numbers = dataclasses.asdict(sher.published(env_id))
    changed = {
        "method": "relay",
        "updates_per_batch": 640,  # 0.8 a step, twice SHER's: the box moves in most episodes, so there is more to learn
        "sub_task_share": 0.2,  # the sub-task is easy; with half of each batch the task took half as many steps again
        "guide": 0.5,
        "eval_frames": 5_000,
    }
    return sher_rl.RelayConfig(**numbers | changed | TASKS[env_id])


def build(config: sher_rl.RelayConfig) -> sher_rl.Parts:
    """Parts of a run."""
    torch.manual_seed(config.seed)
    env = sher_rl.make_env(
        config.env_id,
        config.num_envs,
        seed=config.train_seed,
        num_threads=config.num_threads,
    )
    reach = sher_rl.SubTask(part=GRIPPER, target=BOX, distance=config.sub_task_distance)
    plain = sher_rl.GoalDims.of(env)
    dims = plain._replace(goal=plain.goal + 3)  # the task's goal and the sub-task's, side by side
    actor, qvalue, value = sher.CRITICS[config.critic](dims, config.hidden)
    normalizer = sher_rl.GoalNormalizer(dims, sher_rl.RelayNorm(dims.goal, reach))
    policy = sher_rl.make_policy(normalizer.observation, normalizer.goal, actor).to(config.device)
    explorer = TensorDictSequential(
        sher_rl.make_explorer(policy, env, random_action=config.random_action),
        sher_rl.Guided(reach, sher_rl.make_guide(policy, reach), probability=config.guide),
    ).to(config.device)
    storage = LazyTensorStorage(config.buffer_size, device=config.device)
    relabel = sher_rl.HindsightRelabel(
        sher_rl.goal_reward(config.env_id),
        storage,
        k=config.k,
        strategy=config.strategy,
        goal_noise=config.goal_noise,
        min_motion=config.min_motion,
    )
    relay = sher_rl.RelayGoals(reach, storage, share=config.sub_task_share)
    sampling = sher.SAMPLERS[config.sampler](config, relabel)
    buffer = TensorDictReplayBuffer(
        storage=storage,
        sampler=sampling.sampler,
        transform=Compose(relabel, relay, normalizer),
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


def main(config: sher_rl.RelayConfig) -> None:
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
