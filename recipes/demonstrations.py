"""SHER with demonstrations: half of each batch is an expert's, relabelled like the rest (RLPD, arXiv:2302.02948).

python recipes/demonstrations.py --env FetchPickAndPlace-v4 --seed 1
python recipes/demonstrations.py --env FetchPickAndPlace-v4 --demonstration-folder demonstrations
"""

import dataclasses

import experts
import sher
import torch
from tensordict import TensorDict
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose

import sher_rl
from sher_rl.cli.recipe import cli_of_tasks

NUMBERS = {
    "FetchPush-v4": {"total_frames": 60_000},
    "FetchPickAndPlace-v4": {"total_frames": 80_000},
    "HandManipulateEgg-v1": {
        "total_frames": 1_000_000,
        "updates_per_batch": 160,
        "demonstrations": 100,
        "eval_frames": 50_000,
    },
}
"""What a task has for itself."""


def published(env_id: str) -> sher_rl.DemonstrationsConfig:
    """Numbers of a task: those of its SHER recipe, but for these."""
    experts.make_expert(env_id)
    numbers = dataclasses.asdict(sher.published(env_id))
    changed = {
        "method": "demonstrations",
        "updates_per_batch": 640,  # 0.8 a step, twice SHER's: successes are there to be learned from at once
        "demonstrations": 20,
        "demonstration_share": 0.5,
        "cloning": 0.0,
        "eval_frames": 5_000,
    }
    return sher_rl.DemonstrationsConfig(**numbers | changed | NUMBERS.get(env_id, {}))


def demonstrate(config: sher_rl.DemonstrationsConfig) -> TensorDict:
    """Rows of the demonstrations: those of a folder, or the expert's from seeds that are in no other use."""
    if config.demonstration_folder is not None:
        return sher_rl.load_demonstrations(
            config.demonstration_folder, env_id=config.env_id, episodes=config.demonstrations
        )
    env = sher_rl.make_env(config.env_id, config.demonstrations, num_threads=config.num_threads)
    rows = sher_rl.record_demonstrations(
        experts.make_expert(config.env_id),
        env,
        episodes=config.demonstrations,
        seed=config.train_seed + 75_000,
        successful=True,
    )
    env.close()
    return rows


def build(config: sher_rl.DemonstrationsConfig) -> sher_rl.Parts:
    """Parts of a run."""
    torch.manual_seed(config.seed)
    rows = demonstrate(config)
    env = sher_rl.make_env(
        config.env_id,
        config.num_envs,
        seed=config.train_seed,
        num_threads=config.num_threads,
    )
    dims = sher_rl.GoalDims.of(env)
    normalizer = sher.make_normalizer(config, dims)
    actor, qvalue, value = sher.CRITICS[config.critic](normalizer.dims, config.hidden)
    policy = sher_rl.make_policy(normalizer.observation, normalizer.goal, actor).to(config.device)
    explorer = sher_rl.make_explorer(
        sher.exploring(config, policy),
        env,
        random_action=config.random_action,
    ).to(config.device)
    reward = sher_rl.goal_reward(config.env_id)
    own = LazyTensorStorage(len(rows), device=config.device)
    generator = torch.Generator().manual_seed(config.seed)
    demonstrations = TensorDictReplayBuffer(
        storage=own,
        transform=sher_rl.HindsightRelabel(reward, own, k=config.k, generator=generator),
        generator=generator,
    )
    demonstrations.extend(rows)
    storage = LazyTensorStorage(config.buffer_size, device=config.device)
    relabel = sher_rl.HindsightRelabel(
        reward,
        storage,
        k=config.k,
        strategy=config.strategy,
        goal_noise=config.goal_noise,
        min_motion=config.min_motion,
    )
    mix = sher_rl.MixDemonstrations(demonstrations, share=config.demonstration_share)
    sampling = sher.SAMPLERS[config.sampler](config, relabel)
    buffer = TensorDictReplayBuffer(
        storage=storage,
        sampler=sampling.sampler,
        transform=Compose(relabel, mix, normalizer),
        generator=sampling.generator,
    )
    normalizer.update(demonstrations.sample(len(rows)))
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
        terms=[sher_rl.QFilteredCloning(loss, weight=config.cloning)] if config.cloning else [],
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


def main(config: sher_rl.DemonstrationsConfig) -> None:
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
