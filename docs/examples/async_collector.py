"""A collector in a process of its own writes into the buffer, while this one samples relabelled batches.

python docs/examples/async_collector.py --frames 4000
"""

import argparse
import time
from functools import partial

import torch
from torchrl.collectors import Collector
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.modules import RandomPolicy

from sher_rl import HindsightRelabel, goal_reward, make_env


def main(frames: int = 4_000, capacity: int = 1_000) -> torch.Tensor:
    """Sample while the collector writes; return the share of rewards that are 0."""
    reward = goal_reward("FetchReach-v4")
    make = partial(make_env, "FetchReach-v4", num_envs=2)
    env = make()
    policy = RandomPolicy(env.full_action_spec["action"])
    env.close()
    storage = LazyTensorStorage(capacity)
    hindsight = HindsightRelabel(reward, storage)
    buffer = TensorDictReplayBuffer(storage=storage, transform=hindsight, batch_size=256, shared=True)
    collector = Collector(
        make, policy, num_collectors=1, sync=False, frames_per_batch=100, total_frames=-1, replay_buffer=buffer
    )
    collector.start()
    shares = []
    try:
        while buffer.write_count < frames:
            if len(buffer) < buffer.batch_size:
                time.sleep(0.01)
                continue
            batch = buffer.sample()
            if not torch.equal(batch["next", "reward"], reward(batch["next", "achieved_goal"], batch["desired_goal"])):
                raise RuntimeError("a reward is not that of its goal")
            shares.append((batch["next", "reward"] == 0).float().mean())
    finally:
        collector.async_shutdown()
    return torch.stack(shares).mean()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=4_000)
    print(f"rewards of 0 among the samples: {main(**vars(parser.parse_args())):.2f}")
