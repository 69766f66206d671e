"""Soft Q-learning of a point that has four goals, any of which will do: the policy keeps all four.

python docs/examples/soft_point.py                    # with hindsight
python docs/examples/soft_point.py --plain            # uniform replay, for comparison
"""

import argparse
from collections.abc import Callable

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

STEPS, SPEED, RADIUS, ALPHA = 20, 0.2, 0.15, 0.2


class Point(EnvBase):
    """A point in the square [-1, 1]², moved by its action, from a random place to where another one is achieved.

    Args:
        num_envs: how many points.
        achieved: what of a place counts, ``(B, 2) -> (B, goal)``.
        start: where all points start, instead.
        end: where the goal of all points is achieved, instead.
    """

    def __init__(
        self,
        num_envs: int,
        achieved: Callable[[Tensor], Tensor],
        *,
        start: tuple[float, float] | None = None,
        end: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(batch_size=[num_envs])
        self.generator = torch.Generator()
        self.achieved = achieved
        self.fixed = (start, end)
        goal = achieved(torch.zeros(num_envs, 2)).shape
        shapes = {"observation": (num_envs, 2), "achieved_goal": goal, "desired_goal": goal}
        self.observation_spec = Composite({key: Unbounded(shape) for key, shape in shapes.items()}, shape=[num_envs])
        self.action_spec = Bounded(-1, 1, (num_envs, 2))
        self.reward_spec = Unbounded((num_envs, 1))
        self.full_done_spec = Composite(
            {key: Binary(1, shape=(num_envs, 1), dtype=torch.bool) for key in ("done", "terminated")}, shape=[num_envs]
        )

    def _set_seed(self, seed: int | None) -> None:
        self.generator.manual_seed(seed or 0)

    def _reset(self, tensordict: TensorDictBase | None, **_) -> TensorDictBase:
        start, end = 2 * torch.rand(2, *self.batch_size, 2, generator=self.generator) - 1
        for places, fixed in zip((start, end), self.fixed, strict=True):
            if fixed is not None:
                places[:] = torch.tensor(fixed)
        return self._state(start, self.achieved(end))

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        goal = tensordict["desired_goal"]
        now = (tensordict["observation"] + SPEED * tensordict["action"].clamp(-1, 1)).clamp(-1, 1)
        ends = {key: torch.zeros(*self.batch_size, 1, dtype=torch.bool) for key in ("done", "terminated")}
        return self._state(now, goal).update({"reward": reward(self.achieved(now), goal), **ends})

    def _state(self, now: Tensor, goal: Tensor) -> TensorDictBase:
        state = {"observation": now, "achieved_goal": self.achieved(now), "desired_goal": goal}
        return TensorDict(state, self.batch_size)


def reward(achieved: Tensor, desired: Tensor) -> Tensor:
    """0 where the goal is met and -1 elsewhere, ``(B, 1)``."""
    return (torch.linalg.vector_norm(achieved - desired, dim=-1, keepdim=True) < RADIUS).float() - 1


def train(
    env: EnvBase, frames: int, seed: int, *, updates: int, plain: bool = False
) -> tuple[TensorDictSequential, TensorDictModule]:
    """Train a sampler and its Q in an environment of 16 points, by a number of updates for each 320 frames."""
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
        for _ in range(updates):
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


def corners(steps: TensorDictBase) -> list[int]:
    """How many episodes end in each quarter of the square."""
    right, above = (steps["next", "observation"][:, -1] > 0).unbind(-1)
    return (2 * right + above).bincount(minlength=4).tolist()


def main(frames: int = 16_000, plain: bool = False, seed: int = 0) -> float:
    """Train, and return the success rate, on unseen goals, of the best of the sampler's actions."""
    sampler, qvalue = train(Point(16, torch.abs), frames, seed, updates=80, plain=plain)  # the same at (±x, ±y)
    middle = Point(200, torch.abs, start=(0.0, 0.0), end=(0.6, 0.6))
    exact = BestOfSamples(qvalue, UniformActions(2), alpha=ALPHA, candidates=64)
    for name, policy in {"sampler": sampler, "exact policy of Q": exact}.items():
        success = success_rate(rollout(Point(200, torch.abs), policy, ExplorationType.RANDOM))
        ends = corners(rollout(middle, policy, ExplorationType.RANDOM))
        print(f"{name}, as drawn: success rate {success:.2f}; from the middle to the four goals {ends}")
    best = BestOfSamples(qvalue, sampler, alpha=ALPHA, candidates=32)
    return success_rate(rollout(Point(200, torch.abs), best))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=16_000)
    parser.add_argument("--plain", action="store_true", help="uniform replay without hindsight")
    parser.add_argument("--seed", type=int, default=0)
    print(f"success rate {main(**vars(parser.parse_args())):.2f}")
