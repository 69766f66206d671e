"""SHER on goals at the frontier of what it can do: Goal GAN (arXiv:1705.06366), and two simpler proposals.

python recipes/goal_gan.py --env PointMass4 --seed 1
python recipes/goal_gan.py --env PointMass4 --seed 1 --proposal uniform
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import sher
import torch
from torch import Tensor
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer, TensorStorage
from torchrl.envs import Compose, EnvBase, TransformedEnv

import sher_rl
from sher_rl.cli.recipe import cli_of_tasks
from sher_rl.envs.point_mass import point_mass_limits
from sher_rl.functional.rewards import point_reward
from sher_rl.training.evaluation import TEST_ENVS


class Task(NamedTuple):
    """A task with goals that cannot all be reached."""

    low: list[float]
    """Corner of the box that goals are proposed from."""
    high: list[float]
    """The opposite corner."""
    distance: float
    """Within which a goal is met."""
    ends: bool
    """Whether an episode ends at its goal."""
    train_env: Callable[..., EnvBase]
    """Environments, from their number and the seed of the first."""
    test_env: Callable[..., EnvBase]
    """Environments likewise, whose own goals can all be reached."""


def point_mass(dims: int) -> Task:
    """The task of the paper's section 5.3."""
    make = partial(sher_rl.PointMass, dims)
    return Task(
        low=[-5.0] * dims,
        high=[5.0] * dims,
        distance=make().distance,
        ends=True,
        train_env=make,
        test_env=partial(make, goal_limits=point_mass_limits(dims)),
    )


def maze(env_id: str, half: float, steps: int) -> Task:
    """A U of seven cells, from one end of it; a maze of gymnasium-robotics with a start that is fixed."""
    u = [[1, 1, 1, 1, 1], [1, "r", "g", "g", 1], [1, 1, 1, "g", 1], [1, "g", "g", "g", 1], [1, 1, 1, 1, 1]]
    make = partial(sher_rl.make_env, env_id, backend="gym", maze_map=u, reset_target=False, max_episode_steps=steps)
    return Task(
        low=[-half, -half],
        high=[half, half],
        distance=0.45,
        ends=False,
        train_env=make,
        test_env=make,
    )


TASKS = {f"PointMass{dims}": partial(point_mass, dims) for dims in range(2, 7)} | {
    "PointMaze_UMaze-v3": partial(maze, "PointMaze_UMaze-v3", half=2.5, steps=100),
    "AntMaze_UMaze-v5": partial(maze, "AntMaze_UMaze-v5", half=10.0, steps=300),
}
NUMBERS = {
    "AntMaze_UMaze-v5": {
        "total_frames": 300_000,
        "frames_per_batch": 6_000,
        "updates_per_batch": 1_500,
        "random_frames": 12_000,
        "buffer_size": 300_000,
        "hidden": (256, 256),
        "eval_frames": 60_000,
    },
}
"""What a task has for itself: an ant has to learn to walk."""
PROPOSALS: dict[str, Callable[[Task, TensorStorage, torch.Generator], sher_rl.GoalProposal]] = {
    "gan": lambda task, storage, generator: sher_rl.GoalGAN(
        task.low, task.high, storage, pool=30, replayed=1 / 3, attempts=3, r_min=0.1, r_max=0.9, generator=generator
    ),
    "rare": lambda task, storage, generator: sher_rl.RareGoals(storage, generator=generator),
    "uniform": lambda task, storage, generator: sher_rl.UniformGoals(task.low, task.high, generator),
}
"""What ``--proposal`` chooses from."""


def task_of(env_id: str) -> Task:
    """The task of an id."""
    if env_id not in TASKS:
        raise sher_rl.UsageError(f"env_id {env_id!r:.80} has no goals to propose here; use {', '.join(TASKS)}.")
    return TASKS[env_id]()


def published(env_id: str) -> sher_rl.CurriculumConfig:
    """Numbers of a task; the same for all but the ant."""
    task_of(env_id)
    config = sher_rl.CurriculumConfig(
        env_id=env_id,
        method="goal_gan",
        total_frames=200_000,
        proposal="gan",
        num_envs=20,
        frames_per_batch=4_000,
        updates_per_batch=400,
        random_frames=8_000,
        random_action=0.2,
        buffer_size=200_000,
        batch_size=256,
        k=4,
        hidden=(64, 64),
        actor_lr=1e-3,
        critic_lr=1e-3,
        alpha=0.01,
        target_entropy=None,
        gamma=0.99,
        polyak=0.99,
        clip="hard",
        actor_q="q1",
        eval_frames=20_000,
        eval_episodes=100,
        train_eval_episodes=0,
    )
    return dataclasses.replace(config, **NUMBERS.get(env_id, {}))


def build(config: sher_rl.CurriculumConfig) -> sher_rl.Parts:
    """Parts of a run."""
    torch.manual_seed(config.seed)
    task = task_of(config.env_id)
    storage = LazyTensorStorage(config.buffer_size, device=config.device)
    proposal = PROPOSALS[config.proposal](task, storage, torch.Generator().manual_seed(config.seed))
    reward = partial(point_reward, distance=task.distance)
    terminated = partial(met, reward) if task.ends else None
    env = TransformedEnv(
        task.train_env(config.num_envs, seed=config.train_seed),
        sher_rl.ProposeGoals(proposal, reward, terminated_fn=terminated),
    )
    dims = sher_rl.GoalDims.of(env)
    actor, qvalue, value = sher.CRITICS[config.critic](dims, config.hidden)
    normalizer = sher_rl.GoalNormalizer(dims)
    policy = sher_rl.make_policy(normalizer.observation, normalizer.goal, actor).to(config.device)
    explorer = sher_rl.make_explorer(policy, env, random_action=config.random_action).to(config.device)
    relabel = sher_rl.HindsightRelabel(
        reward,
        storage,
        k=config.k,
        strategy=config.strategy,
        goal_noise=config.goal_noise,
        min_motion=config.min_motion,
        terminated_fn=terminated,
    )
    sampling = sher.SAMPLERS[config.sampler](config, relabel)
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


def met(reward: Callable[[Tensor, Tensor], Tensor], achieved: Tensor, desired: Tensor) -> Tensor:
    """Whether goals are met, ``(B, g), (B, g) -> (B, 1)`` bool."""
    return reward(achieved, desired) == 0


def main(config: sher_rl.CurriculumConfig) -> None:
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
        test_env=task_of(config.env_id).test_env(min(TEST_ENVS, config.eval_episodes)),
    )


if __name__ == "__main__":
    cli_of_tasks(main, published, "PointMass2")
