"""TorchRL's DDPG on FetchReach with a plain ReplayBuffer; goals are relabelled as they are written.

python docs/examples/ddpg.py --frames 5000
python docs/examples/ddpg.py --mode read
"""

import argparse

import torch
from torchrl.collectors import Collector
from torchrl.data import LazyTensorStorage, ReplayBuffer
from torchrl.envs import Compose
from torchrl.objectives import DDPGLoss, SoftUpdate

import sher_rl
from sher_rl.training.evaluation import evaluate


def main(frames: int = 5_000, updates: int = 40, mode: str = "write", seed: int = 0) -> float:
    """Train, and return the success rate on unseen goals."""
    torch.manual_seed(seed)
    env = sher_rl.make_env("FetchReach-v4", num_envs=4, seed=seed)
    dims = sher_rl.GoalDims.of(env)
    actor, qvalue = sher_rl.make_ddpg_networks(dims)
    loss = DDPGLoss(actor, qvalue, delay_actor=True, delay_value=True)
    loss.make_value_estimator(gamma=0.98)
    target = SoftUpdate(loss, tau=0.05)
    optimizer = torch.optim.Adam(loss.parameters(), lr=1e-3)

    storage = LazyTensorStorage(500_000)
    hindsight = sher_rl.HindsightRelabel(sher_rl.goal_reward("FetchReach-v4"), storage, mode=mode)
    normalizer = sher_rl.GoalNormalizer(dims)  # of what is written
    buffer = ReplayBuffer(storage=storage, transform=Compose(hindsight, normalizer), batch_size=256)
    policy = sher_rl.make_policy(normalizer.observation, normalizer.goal, actor)  # normalises alike
    explorer = sher_rl.make_explorer(policy, env, random_action=0.3, noise=0.2)
    collector = Collector(env, explorer, frames_per_batch=200, total_frames=frames)
    for data in collector:
        buffer.extend(data)
        for _ in range(updates):
            losses = loss(buffer.sample())
            (losses["loss_actor"] + losses["loss_value"]).backward()
            optimizer.step()
            optimizer.zero_grad()
            target.step()
    collector.shutdown()
    test_env = sher_rl.make_env("FetchReach-v4", num_envs=20)
    return evaluate(policy, test_env, episodes=100, seed=50_000).mean().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=5_000)
    parser.add_argument("--updates", type=int, default=40)
    parser.add_argument("--mode", choices=["read", "write"], default="write")
    parser.add_argument("--seed", type=int, default=0)
    print(f"success rate {main(**vars(parser.parse_args())):.2f}")
