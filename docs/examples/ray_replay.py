"""Hindsight in a replay buffer that is a service of its own: TorchRL's buffer on Ray, filled by TorchRL's collector.

python docs/examples/ray_replay.py        # needs the extra ray
"""

from typing import Any

from torchrl.collectors import Collector
from torchrl.data import LazyTensorStorage, RayReplayBuffer, TensorDictReplayBuffer

import sher_rl

ENV = "FetchReach-v4"


class HindsightBuffer(TensorDictReplayBuffer):
    """A buffer that makes its storage and its relabelling in the process that it lives in."""

    def __init__(self, capacity: int, **options: Any) -> None:
        storage = LazyTensorStorage(capacity)
        relabel = sher_rl.HindsightRelabel(sher_rl.goal_reward(ENV), storage, k=4)
        super().__init__(storage=storage, transform=relabel, **options)


def main(frames: int = 2_000) -> float:
    """Collect, write and sample; returns the share of relabelled rows in the last batch."""
    buffer = RayReplayBuffer(
        replay_buffer_cls=HindsightBuffer, capacity=100_000, batch_size=256, remote_config={"num_cpus": 1}
    )
    env = sher_rl.make_env(ENV, num_envs=4)
    for data in Collector(env, frames_per_batch=200, total_frames=frames):
        buffer.extend(data)  # [env, time], whole episodes: the rows cross once
        batch = buffer.sample()  # relabelled over there: the batch crosses once
    buffer.shutdown()
    return batch["hindsight", "relabelled"].float().mean().item()


if __name__ == "__main__":
    print(f"{main():.2f} of the rows have a goal in hindsight")
