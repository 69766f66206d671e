"""TorchRL's DDPG on FetchReach with a plain ReplayBuffer; goals are relabelled as they are written.

python docs/examples/ddpg.py --frames 5000
python docs/examples/ddpg.py --mode read
"""

import argparse

import torch
from tensordict.nn import TensorDictSequential
from torchrl.collectors import Collector
from torchrl.data import LazyTensorStorage, ReplayBuffer
from torchrl.modules import MLP, AdditiveGaussianModule, TanhModule, ValueOperator
from torchrl.modules.tensordict_module.common import SafeModule
from torchrl.objectives import DDPGLoss, SoftUpdate

from sher_rl import HindsightRelabel, goal_reward, make_env


def main(frames: int = 5_000, updates: int = 100, mode: str = "write", seed: int = 0) -> torch.Tensor:
    """Train, and return the last losses."""
    torch.manual_seed(seed)
    env = make_env("FetchReach-v4", num_envs=4, seed=seed)
    state = ["observation", "desired_goal"]
    actor = TensorDictSequential(
        SafeModule(MLP(in_features=13, out_features=4, num_cells=[256, 256]), in_keys=state, out_keys=["action"]),
        TanhModule(in_keys=["action"]),
    )
    qvalue = ValueOperator(MLP(in_features=17, out_features=1, num_cells=[256, 256]), in_keys=[*state, "action"])
    loss = DDPGLoss(actor, qvalue, delay_actor=True, delay_value=True)
    loss.make_value_estimator(gamma=0.98)
    target = SoftUpdate(loss, tau=0.005)
    optimizer = torch.optim.Adam(loss.parameters(), lr=1e-3)

    storage = LazyTensorStorage(500_000)
    hindsight = HindsightRelabel(goal_reward("FetchReach-v4"), storage, mode=mode)
    buffer = ReplayBuffer(storage=storage, transform=hindsight, batch_size=256)
    explore = TensorDictSequential(actor, AdditiveGaussianModule(env.full_action_spec["action"], sigma_init=0.2))
    collector = Collector(env, explore, frames_per_batch=200, total_frames=frames)
    for data in collector:
        buffer.extend(data)
        for _ in range(updates):
            losses = loss(buffer.sample())
            (losses["loss_actor"] + losses["loss_value"]).backward()
            optimizer.step()
            optimizer.zero_grad()
            target.step()
    collector.shutdown()
    return torch.stack([losses["loss_actor"], losses["loss_value"]]).detach()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=5_000)
    parser.add_argument("--updates", type=int, default=100)
    parser.add_argument("--mode", choices=["read", "write"], default="write")
    print(main(**vars(parser.parse_args())))
