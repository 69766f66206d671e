"""Soft Q-learning on bit flipping, with and without the hindsight transform: the example of DQN with another loss.

python docs/examples/soft_bit_flipping.py             # 15 bits, with hindsight
python docs/examples/soft_bit_flipping.py --plain     # uniform replay, for comparison
"""

import argparse

import torch
from bit_flipping import BitFlipping, met, reward, success_rate
from tensordict.nn import TensorDictModule
from torchrl.collectors import Collector
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import StepCounter, TransformedEnv
from torchrl.modules import MLP

from sher_rl import DiscreteSoftQLoss, HindsightRelabel, Learner, make_boltzmann_policy


def main(bits: int = 15, frames: int = 40_000, alpha: float = 0.1, plain: bool = False, seed: int = 0) -> float:
    """Train, and return the success rate of the best actions on unseen goals."""
    torch.manual_seed(seed)
    env = TransformedEnv(BitFlipping(bits, 16), StepCounter(bits))
    env.set_seed(seed)
    qvalue = TensorDictModule(
        MLP(in_features=2 * bits, out_features=bits, num_cells=[256], activation_class=torch.nn.ReLU),
        in_keys=["observation", "desired_goal"],
        out_keys=["action_value"],
    )
    loss = DiscreteSoftQLoss(qvalue, alpha=alpha, gamma=0.98, action_space="categorical", prior="uniform")
    learner = Learner(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.95)
    policy = make_boltzmann_policy(qvalue, alpha=alpha)  # explores by itself

    storage = LazyTensorStorage(100_000)
    hindsight = None if plain else HindsightRelabel(reward, storage, strategy="future", k=4, terminated_fn=met)
    buffer = TensorDictReplayBuffer(storage=storage, transform=hindsight, batch_size=256)

    collector = Collector(env, policy, frames_per_batch=16 * bits, total_frames=frames)
    for data in collector:
        buffer.extend(data if hindsight else data.reshape(-1))
        for _ in range(40):
            learner.step(buffer.sample())
    collector.shutdown()
    return success_rate(policy, bits)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bits", type=int, default=15)
    parser.add_argument("--frames", type=int, default=40_000)
    parser.add_argument("--alpha", type=float, default=0.1, help="temperature")
    parser.add_argument("--plain", action="store_true", help="uniform replay without hindsight")
    parser.add_argument("--seed", type=int, default=0)
    print(f"success rate {main(**vars(parser.parse_args())):.2f}")
