"""DQN with TorchRL on bit flipping, with and without the hindsight transform: the only difference is one argument.

python docs/examples/bit_flipping.py                  # 15 bits, with hindsight
python docs/examples/bit_flipping.py --plain          # uniform replay, for comparison
"""

import argparse

import torch
from tensordict import TensorDict, TensorDictBase
from tensordict.nn import TensorDictSequential
from torch import Tensor
from torchrl.collectors import Collector
from torchrl.data import Binary, Categorical, Composite, LazyTensorStorage, TensorDictReplayBuffer, Unbounded
from torchrl.envs import EnvBase, StepCounter, TransformedEnv
from torchrl.envs.utils import ExplorationType, set_exploration_type
from torchrl.modules import MLP, EGreedyModule, QValueActor
from torchrl.objectives import DQNLoss, SoftUpdate

from sher_rl import HindsightRelabel


class BitFlipping(EnvBase):
    """``n`` bits, each action flips one, and the goal is a random pattern (arXiv:1707.01495, section 3.1)."""

    def __init__(self, bits: int, num_envs: int) -> None:
        super().__init__(batch_size=[num_envs])
        self.bits = bits
        self.generator = torch.Generator()
        pattern = Unbounded((num_envs, bits))
        self.observation_spec = Composite(
            {key: pattern.clone() for key in ("observation", "achieved_goal", "desired_goal")}, shape=[num_envs]
        )
        self.action_spec = Categorical(bits, shape=[num_envs])
        self.reward_spec = Unbounded((num_envs, 1))
        self.full_done_spec = Composite(
            {key: Binary(1, shape=(num_envs, 1), dtype=torch.bool) for key in ("done", "terminated")}, shape=[num_envs]
        )

    def _set_seed(self, seed: int | None) -> None:
        self.generator.manual_seed(seed or 0)

    def _reset(self, tensordict: TensorDictBase | None, **_) -> TensorDictBase:
        now, goal = torch.randint(2, (2, *self.batch_size, self.bits), generator=self.generator).float()
        return TensorDict({"observation": now, "achieved_goal": now, "desired_goal": goal}, self.batch_size)

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        flip = torch.nn.functional.one_hot(tensordict["action"], self.bits)
        now, goal = (tensordict["observation"] - flip).abs(), tensordict["desired_goal"]
        ends = dict.fromkeys(("done", "terminated"), met(now, goal))
        out = {"observation": now, "achieved_goal": now, "desired_goal": goal, "reward": reward(now, goal), **ends}
        return TensorDict(out, self.batch_size)


def met(achieved: Tensor, desired: Tensor) -> Tensor:
    """Whether goals are met, ``(B, 1)``: what ends an episode."""
    return (achieved == desired).all(-1, keepdim=True)


def reward(achieved: Tensor, desired: Tensor) -> Tensor:
    """0 where the goal is met and -1 elsewhere, ``(B, 1)``."""
    return met(achieved, desired).float() - 1


@torch.no_grad()
def success_rate(policy: QValueActor, bits: int, episodes: int = 200) -> float:
    """Share of the goals, of seeds that training does not use, that the greedy policy meets."""
    env = TransformedEnv(BitFlipping(bits, episodes), StepCounter(bits))
    env.set_seed(10_000)
    with set_exploration_type(ExplorationType.DETERMINISTIC):
        steps = env.rollout(bits, policy, break_when_any_done=False, break_when_all_done=True)
    return steps["next", "terminated"].any(1).float().mean().item()


def main(bits: int = 15, frames: int = 40_000, plain: bool = False, seed: int = 0) -> float:
    """Train, and return the success rate on unseen goals."""
    torch.manual_seed(seed)
    env = TransformedEnv(BitFlipping(bits, 16), StepCounter(bits))
    env.set_seed(seed)
    policy = QValueActor(
        MLP(in_features=2 * bits, out_features=bits, num_cells=[256], activation_class=torch.nn.ReLU),
        in_keys=["observation", "desired_goal"],
        action_space="categorical",
    )
    loss = DQNLoss(policy, action_space="categorical", delay_value=True)
    loss.make_value_estimator(gamma=0.98)
    target = SoftUpdate(loss, tau=0.05)
    optimizer = torch.optim.Adam(loss.parameters(), lr=1e-3)

    storage = LazyTensorStorage(100_000)
    hindsight = None if plain else HindsightRelabel(reward, storage, strategy="future", k=4, terminated_fn=met)
    buffer = TensorDictReplayBuffer(storage=storage, transform=hindsight, batch_size=256)

    explore = TensorDictSequential(policy, EGreedyModule(env.action_spec, eps_init=0.2, eps_end=0.2))
    collector = Collector(env, explore, frames_per_batch=16 * bits, total_frames=frames)
    for data in collector:
        buffer.extend(data if hindsight else data.reshape(-1))
        for _ in range(40):
            loss(buffer.sample())["loss"].backward()
            optimizer.step()
            optimizer.zero_grad()
            target.step()
    collector.shutdown()
    return success_rate(policy, bits)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bits", type=int, default=15)
    parser.add_argument("--frames", type=int, default=40_000)
    parser.add_argument("--plain", action="store_true", help="uniform replay without hindsight")
    parser.add_argument("--seed", type=int, default=0)
    print(f"success rate {main(**vars(parser.parse_args())):.2f}")
