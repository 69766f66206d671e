"""DHER with TorchRL's DQN on a grid: the goal moves as fast as the one who has to catch it.

python docs/examples/dy_snake.py                           # DHER: spliced goals
python docs/examples/dy_snake.py --hindsight ordinary      # relabelled with goals that stand still
python docs/examples/dy_snake.py --hindsight none          # uniform replay
"""

import argparse

import torch
from tensordict import TensorDict, TensorDictBase
from tensordict.nn import TensorDictSequential
from torch import Tensor
from torchrl.collectors import Collector
from torchrl.data import Binary, Categorical, Composite, LazyTensorStorage, TensorDictReplayBuffer, Unbounded
from torchrl.envs import Compose, EnvBase, StepCounter, TransformedEnv
from torchrl.envs.utils import ExplorationType, set_exploration_type
from torchrl.modules import MLP, EGreedyModule, QValueActor
from torchrl.objectives import DQNLoss, SoftUpdate

from sher_rl import HindsightRelabel, SplicedGoals

SIZE = 20
STEPS = 50
MOVES = torch.tensor([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
FALL = torch.tensor([0.0, -1.0])


class DySnake(EnvBase):
    """A cell on a 20 x 20 grid has to catch a goal that moves down a cell a step, and comes back at the top.

    The five actions stay, or move a cell; walls hold. The goal moves before the action, and an episode ends when it is
    caught. After the DySnake of Fang et al., ICLR 2019.
    """

    def __init__(self, num_envs: int) -> None:
        super().__init__(batch_size=[num_envs])
        self.generator = torch.Generator()
        cell = Unbounded((num_envs, 2))
        self.observation_spec = Composite(
            {key: cell.clone() for key in ("observation", "achieved_goal", "desired_goal")}, shape=[num_envs]
        )
        self.action_spec = Categorical(len(MOVES), shape=[num_envs])
        self.reward_spec = Unbounded((num_envs, 1))
        self.full_done_spec = Composite(
            {key: Binary(1, shape=(num_envs, 1), dtype=torch.bool) for key in ("done", "terminated")}, shape=[num_envs]
        )

    def _set_seed(self, seed: int | None) -> None:
        self.generator.manual_seed(seed or 0)

    def _reset(self, tensordict: TensorDictBase | None, **_) -> TensorDictBase:
        now, goal = torch.randint(SIZE, (2, *self.batch_size, 2), generator=self.generator).float()
        return TensorDict({"observation": now, "achieved_goal": now, "desired_goal": goal}, self.batch_size)

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        goal = (tensordict["desired_goal"] + FALL) % SIZE
        now = (tensordict["observation"] + MOVES[tensordict["action"]]).clamp(0, SIZE - 1)
        ends = dict.fromkeys(("done", "terminated"), met(now, goal))
        out = {"observation": now, "achieved_goal": now, "desired_goal": goal, "reward": reward(now, goal), **ends}
        return TensorDict(out, self.batch_size)


def met(achieved: Tensor, desired: Tensor) -> Tensor:
    """Whether goals are caught, ``(B, 1)``: what ends an episode."""
    return (achieved == desired).all(-1, keepdim=True)


def reward(achieved: Tensor, desired: Tensor) -> Tensor:
    """0 where the goal is caught and -1 elsewhere, ``(B, 1)``."""
    return met(achieved, desired).float() - 1


@torch.no_grad()
def success_rate(policy: QValueActor, episodes: int = 200) -> float:
    """Share of episodes, of seeds that training does not use, in which the greedy policy catches the goal."""
    env = TransformedEnv(DySnake(episodes), StepCounter(STEPS))
    env.set_seed(10_000)
    with set_exploration_type(ExplorationType.DETERMINISTIC):
        steps = env.rollout(STEPS, policy, break_when_any_done=False, break_when_all_done=True)
    return steps["next", "terminated"].any(1).float().mean().item()


def replay(hindsight: str, capacity: int = 100_000) -> TensorDictReplayBuffer:
    """A buffer that splices the ways of goals, relabels with goals that stand still, or leaves goals as they are."""
    storage = LazyTensorStorage(capacity)
    k = 4 if hindsight == "ordinary" else 0
    relabel = HindsightRelabel(reward, storage, strategy="future", k=k, terminated_fn=met)
    transform = relabel
    if hindsight == "spliced":
        transform = Compose(relabel, SplicedGoals(relabel, cell=1.0))
    return TensorDictReplayBuffer(storage=storage, transform=transform, batch_size=256)


def main(hindsight: str = "spliced", frames: int = 40_000, seed: int = 0) -> float:
    """Train, and return the success rate on unseen goals."""
    torch.manual_seed(seed)
    env = TransformedEnv(DySnake(16), StepCounter(STEPS))
    env.set_seed(seed)
    policy = QValueActor(
        MLP(in_features=4, out_features=len(MOVES), num_cells=[128, 128], activation_class=torch.nn.ReLU),
        in_keys=["observation", "desired_goal"],
        action_space="categorical",
    )
    loss = DQNLoss(policy, action_space="categorical", delay_value=True)
    loss.make_value_estimator(gamma=0.98)
    target = SoftUpdate(loss, tau=0.05)
    optimizer = torch.optim.Adam(loss.parameters(), lr=1e-3)
    buffer = replay(hindsight)
    explore = TensorDictSequential(policy, EGreedyModule(env.action_spec, eps_init=0.2, eps_end=0.2))
    collector = Collector(env, explore, frames_per_batch=16 * STEPS, total_frames=frames)
    for data in collector:
        buffer.extend(data)
        for _ in range(80):
            loss(buffer.sample())["loss"].backward()
            optimizer.step()
            optimizer.zero_grad()
            target.step()
    collector.shutdown()
    return success_rate(policy)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hindsight", choices=["spliced", "ordinary", "none"], default="spliced")
    parser.add_argument("--frames", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=0)
    print(f"success rate {main(**vars(parser.parse_args())):.2f}")
