"""Success of policies with goals that random actions reached, and with the task's own, from the same starts.

python benchmarks/studies/near_goals.py runs/RUN... --episodes 100

A policy that is good with the first and not with the second has learned what hindsight could show it so far.
"""

import argparse
from collections.abc import Callable, Iterator

import torch
from tensordict.nn import TensorDictModule
from torch import Tensor
from torchrl.envs import EnvBase
from torchrl.modules import RandomPolicy

from sher_rl import goal_reward, load_policy, make_env
from sher_rl.training.threads import one_torch_thread

SEED = 900_000


def play(env: EnvBase, policy: Callable) -> tuple[Tensor, Tensor]:
    """Achieved goals ``[n, time, goal]`` of one episode in each environment, and the task's goals ``[n, goal]``."""
    env.set_seed(SEED)
    with one_torch_thread(), torch.no_grad():
        steps = env.rollout(1_000, policy)
    return steps["next", "achieved_goal"], steps["desired_goal"][:, 0]


def rates(run: str, episodes: int) -> Iterator[str]:
    """Shares of the episodes that end at the goal, and that are there at some time, for each kind of goals."""
    policy = load_policy(run)
    env, reward = make_env(policy.env_id, episodes), goal_reward(policy.env_id)
    random, own = play(env, RandomPolicy(env.full_action_spec))
    steps = random.shape[1]
    goals = {f"random after {n}": random[:, n - 1] for n in (steps // 4, steps // 2, steps)} | {"own": own}
    for name, goal in goals.items():
        seek = TensorDictModule(lambda state, goal=goal: policy(state, goal), ["observation"], ["action"])
        met = reward(play(env, seek)[0].flatten(0, 1), goal.repeat_interleave(steps, 0)).reshape(-1, steps) == 0
        yield f"{name}: {met[:, -1].float().mean():.2f} at the end, {met.any(1).float().mean():.2f} ever"
    env.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", help="run folders, or policy files")
    parser.add_argument("--episodes", type=int, default=100)
    args = parser.parse_args()
    for run in args.runs:
        torch.manual_seed(0)
        print(run, *rates(run, args.episodes), sep="\n  ")


if __name__ == "__main__":
    main()
