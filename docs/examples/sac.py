"""TorchRL's SAC on FetchReach with prioritised replay; new are the transforms of its buffer, and what normalises.

python docs/examples/sac.py --frames 5000
"""

import argparse

import torch
from torchrl.collectors import Collector
from torchrl.data import LazyTensorStorage, TensorDictPrioritizedReplayBuffer
from torchrl.envs import Compose
from torchrl.objectives import SACLoss, SoftUpdate

from sher_rl import GoalDims, GoalNormalizer, HindsightRelabel, goal_reward, make_env, make_networks, make_policy
from sher_rl.training.evaluation import evaluate


def main(frames: int = 5_000, updates: int = 40, seed: int = 0) -> float:
    """Train, and return the success rate on unseen goals."""
    torch.manual_seed(seed)
    env = make_env("FetchReach-v4", num_envs=4, seed=seed)
    dims = GoalDims.of(env)
    actor, qvalue, _ = make_networks(dims)
    loss = SACLoss(actor, qvalue, num_qvalue_nets=2, alpha_init=0.02, fixed_alpha=True, action_spec=env.action_spec)
    loss.make_value_estimator(gamma=0.98)
    target = SoftUpdate(loss, tau=0.05)
    optimizer = torch.optim.Adam(loss.parameters(), lr=1e-3)

    storage = LazyTensorStorage(100_000)
    hindsight = HindsightRelabel(goal_reward("FetchReach-v4"), storage)
    normalizer = GoalNormalizer(dims)  # of what is written
    buffer = TensorDictPrioritizedReplayBuffer(
        alpha=0.6,
        beta=0.4,
        storage=storage,
        transform=Compose(hindsight, normalizer),
        batch_size=256,
        priority_key="td_error",
    )
    policy = make_policy(normalizer.observation, normalizer.goal, actor)  # normalises alike
    collector = Collector(env, policy, frames_per_batch=200, total_frames=frames)
    for data in collector:
        buffer.extend(data)
        for _ in range(updates):
            batch = buffer.sample()
            losses = loss(batch)
            (losses["loss_actor"] + losses["loss_qvalue"]).backward()
            optimizer.step()
            optimizer.zero_grad()
            target.step()
            buffer.update_tensordict_priority(batch)
    collector.shutdown()
    return evaluate(policy, make_env("FetchReach-v4", num_envs=20), episodes=100, seed=50_000).mean().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=5_000)
    parser.add_argument("--updates", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    print(f"success rate {main(**vars(parser.parse_args())):.2f}")
