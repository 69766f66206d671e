"""TorchRL's SAC on FetchReach with prioritised replay; the hindsight transform is all that is new.

python docs/examples/sac.py --frames 5000
"""

import argparse

import torch
from tensordict.nn import NormalParamExtractor, TensorDictModule, TensorDictSequential
from torchrl.collectors import Collector
from torchrl.data import LazyTensorStorage, TensorDictPrioritizedReplayBuffer
from torchrl.modules import MLP, ProbabilisticActor, TanhNormal, ValueOperator
from torchrl.objectives import SACLoss, SoftUpdate

from sher_rl import HindsightRelabel, goal_reward, make_env


def main(frames: int = 5_000, updates: int = 100, seed: int = 0) -> torch.Tensor:
    """Train, and return the last losses."""
    torch.manual_seed(seed)
    env = make_env("FetchReach-v4", num_envs=4, seed=seed)
    state = ["observation", "desired_goal"]
    network = MLP(in_features=13, out_features=8, num_cells=[256, 256])
    body = TensorDictSequential(
        TensorDictModule(network, in_keys=state, out_keys=["parameters"]),
        TensorDictModule(NormalParamExtractor(), in_keys=["parameters"], out_keys=["loc", "scale"]),
    )
    actor = ProbabilisticActor(
        body,
        in_keys=["loc", "scale"],
        distribution_class=TanhNormal,
        return_log_prob=True,
    )
    qvalue = ValueOperator(MLP(in_features=17, out_features=1, num_cells=[256, 256]), in_keys=[*state, "action"])
    loss = SACLoss(actor, qvalue, num_qvalue_nets=2, action_spec=env.full_action_spec["action"])
    loss.make_value_estimator(gamma=0.98)
    target = SoftUpdate(loss, tau=0.005)
    optimizer = torch.optim.Adam(loss.parameters(), lr=1e-3)

    storage = LazyTensorStorage(100_000)
    hindsight = HindsightRelabel(goal_reward("FetchReach-v4"), storage)
    buffer = TensorDictPrioritizedReplayBuffer(
        alpha=0.6, beta=0.4, storage=storage, transform=hindsight, batch_size=256, priority_key="td_error"
    )
    collector = Collector(env, actor, frames_per_batch=200, total_frames=frames)
    for data in collector:
        buffer.extend(data)
        for _ in range(updates):
            batch = buffer.sample()
            losses = loss(batch)
            sum(value for key, value in losses.items() if key.startswith("loss_")).backward()
            optimizer.step()
            optimizer.zero_grad()
            target.step()
            buffer.update_tensordict_priority(batch)
    collector.shutdown()
    return torch.stack([value.detach() for key, value in losses.items() if key.startswith("loss_")])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=5_000)
    parser.add_argument("--updates", type=int, default=100)
    print(main(**vars(parser.parse_args())))
