"""Soft Q-learning of a point that comes to its goal round a wall, on the left or on the right: both are as short.

python docs/examples/soft_point.py                    # with hindsight
python docs/examples/soft_point.py --plain            # uniform replay, for comparison
"""

import argparse
from collections.abc import Sequence

import torch
from tensordict import TensorDict, TensorDictBase
from tensordict.nn import TensorDictModule, TensorDictModuleBase, TensorDictSequential
from torch import Tensor
from torchrl.collectors import Collector
from torchrl.data import Binary, Bounded, Composite, LazyTensorStorage, TensorDictReplayBuffer, Unbounded
from torchrl.envs import EnvBase, StepCounter, TransformedEnv
from torchrl.envs.utils import ExplorationType, set_exploration_type

from sher_rl import (
    BestOfSamples,
    GoalDims,
    HindsightRelabel,
    Learner,
    SoftQLoss,
    UniformActions,
    make_soft_q_networks,
)

STEPS, SPEED, RADIUS = 20, 0.2, 0.15
WALL = (0.5, 0.15)  # half its width and height; the middle of the square
ALPHA = 0.1


class Point(EnvBase):
    """A point in the square [-1, 1]², moved by its action; it starts below the wall, and the goal is above it.

    The goal is where the coordinates named by ``axes`` have to come.
    """

    def __init__(self, num_envs: int, *, wall: tuple[float, float] = WALL, axes: Sequence[int] = (0, 1)) -> None:
        super().__init__(batch_size=[num_envs])
        self.generator = torch.Generator()
        self.wall = torch.tensor(wall)
        self.axes = list(axes)
        sizes = {"observation": 2, "achieved_goal": len(axes), "desired_goal": len(axes)}
        self.observation_spec = Composite(
            {key: Unbounded((num_envs, size)) for key, size in sizes.items()}, shape=[num_envs]
        )
        self.action_spec = Bounded(-1, 1, (num_envs, 2))
        self.reward_spec = Unbounded((num_envs, 1))
        self.full_done_spec = Composite(
            {key: Binary(1, shape=(num_envs, 1), dtype=torch.bool) for key in ("done", "terminated")}, shape=[num_envs]
        )

    def _set_seed(self, seed: int | None) -> None:
        self.generator.manual_seed(seed or 0)

    def _reset(self, tensordict: TensorDictBase | None, **_) -> TensorDictBase:
        start, goal = torch.rand(2, *self.batch_size, 2, generator=self.generator)
        start = start * torch.tensor([1.0, -0.7]) - torch.tensor([0.5, 0.3])
        goal = goal * torch.tensor([1.0, 0.7]) + torch.tensor([-0.5, 0.3])
        return self._places(start, goal[:, self.axes])

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        start, goal = tensordict["observation"], tensordict["desired_goal"]
        moved = (start + SPEED * tensordict["action"].clamp(-1, 1)).clamp(-1, 1)
        blocked = (moved.abs() < self.wall).all(-1, keepdim=True)
        now = torch.where(blocked, start, moved)
        ends = {key: torch.zeros_like(blocked) for key in ("done", "terminated")}
        return self._places(now, goal).update({"reward": reward(now[:, self.axes], goal), **ends})

    def _places(self, now: Tensor, goal: Tensor) -> TensorDictBase:
        places = {"observation": now, "achieved_goal": now[:, self.axes], "desired_goal": goal}
        return TensorDict(places, self.batch_size)


class OneGoal(Point):
    """Points that all start at one place and have one goal."""

    def __init__(
        self, num_envs: int, start: tuple[float, float], goal: tuple[float, float], *, wall: tuple[float, float] = WALL
    ) -> None:
        super().__init__(num_envs, wall=wall)
        self.start = torch.tensor(start)
        self.goal = torch.tensor(goal)

    def _reset(self, tensordict: TensorDictBase | None, **_) -> TensorDictBase:
        return self._places(self.start.expand(*self.batch_size, 2), self.goal.expand(*self.batch_size, 2))


def reward(achieved: Tensor, desired: Tensor) -> Tensor:
    """0 where the goal is met and -1 elsewhere, ``(B, 1)``."""
    return (torch.linalg.vector_norm(achieved - desired, dim=-1, keepdim=True) < RADIUS).float() - 1


def train(env: EnvBase, frames: int, seed: int, plain: bool = False) -> tuple[TensorDictSequential, TensorDictModule]:
    """Train a sampler and its Q in an environment of 16 points."""
    torch.manual_seed(seed)
    env = TransformedEnv(env, StepCounter(STEPS))
    env.set_seed(seed)
    sampler, qvalue = make_soft_q_networks(GoalDims.of(env), hidden=(128, 128))
    options = {"value_samples": 16, "particles": 16, "prior": "uniform", "clip": "soft"}
    loss = SoftQLoss(sampler, qvalue, alpha=ALPHA, gamma=0.95, **options)
    learner = Learner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.95)

    storage = LazyTensorStorage(100_000)
    hindsight = None if plain else HindsightRelabel(reward, storage, strategy="future", k=4)
    buffer = TensorDictReplayBuffer(storage=storage, transform=hindsight, batch_size=128)

    collector = Collector(env, sampler, frames_per_batch=16 * STEPS, total_frames=frames)
    for data in collector:
        buffer.extend(data if hindsight else data.reshape(-1))
        for _ in range(60):
            learner.step(buffer.sample())
    collector.shutdown()
    return sampler, qvalue


@torch.no_grad()
def rollout(
    env: EnvBase, policy: TensorDictModuleBase, exploration: ExplorationType = ExplorationType.DETERMINISTIC
) -> TensorDictBase:
    """One episode of each point, ``(points, STEPS)``, of seeds that training does not use."""
    env.set_seed(10_000)
    torch.manual_seed(10_000)  # of the sampler's noise
    with set_exploration_type(exploration):
        return env.rollout(STEPS, policy)


def success_rate(steps: TensorDictBase) -> float:
    """Share of the episodes that end at their goal."""
    return (steps["next", "reward"][:, -1] == 0).float().mean().item()


def share_on_the_left(steps: TensorDictBase) -> float:
    """Share of the episodes that pass the wall on its left."""
    across, along = steps["observation"].unbind(-1)
    beside = across.gather(1, along.abs().argmin(1, keepdim=True))
    return (beside < 0).float().mean().item()


def main(frames: int = 16_000, plain: bool = False, seed: int = 0) -> float:
    """Train, and return the success rate, on unseen goals, of the best of the sampler's actions."""
    sampler, qvalue = train(Point(16), frames, seed, plain)
    from_the_middle = OneGoal(200, start=(0.0, -0.6), goal=(0.0, 0.6))
    for name, policy in {
        "the sampler": sampler,
        "Q itself": BestOfSamples(qvalue, UniformActions(2), alpha=ALPHA, candidates=64),
    }.items():
        anywhere = success_rate(rollout(Point(200), policy, ExplorationType.RANDOM))
        left = share_on_the_left(rollout(from_the_middle, policy, ExplorationType.RANDOM))
        print(f"{name}, as drawn: success rate {anywhere:.2f}; from the middle {left:.0%} pass on the left")
    best = BestOfSamples(qvalue, sampler, alpha=ALPHA, candidates=32)
    return success_rate(rollout(Point(200), best))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=16_000)
    parser.add_argument("--plain", action="store_true", help="uniform replay without hindsight")
    parser.add_argument("--seed", type=int, default=0)
    print(f"success rate {main(**vars(parser.parse_args())):.2f}")
