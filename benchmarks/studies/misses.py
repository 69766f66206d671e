"""Where a policy misses: success by how far the goal is from the start, and how the misses end. For goals in metres.

python benchmarks/studies/misses.py runs/RUN... --episodes 1000
"""

import argparse
from collections.abc import Iterator

import torch
from tensordict.nn import TensorDictModuleBase
from torch import Tensor

from sher_rl import goal_reward, load_policy, make_env
from sher_rl.training.threads import one_torch_thread

SEED = 900_000
ENVS = 20


def play(policy: TensorDictModuleBase, episodes: int) -> Tensor:
    """Start, last but ten steps, end and goal of each episode, ``[episodes, 4, 3]``."""
    env, rounds = make_env(policy.env_id, ENVS), []
    for first in range(0, episodes, ENVS):
        env.set_seed(SEED + first)
        steps = env.rollout(1_000, policy)
        start, achieved, goal = steps["achieved_goal"], steps["next", "achieved_goal"], steps["desired_goal"]
        rounds.append(torch.stack([start[:, 0], achieved[:, -11], achieved[:, -1], goal[:, 0]], 1))
    env.close()
    return torch.cat(rounds)[:episodes]


def lines(policy: TensorDictModuleBase, episodes: int) -> Iterator[str]:
    """Success of all, of each fifth by distance, and of the misses: how far off, short or beyond, still moving."""
    start, before, end, goal = play(policy, episodes).unbind(1)
    met = goal_reward(policy.env_id)(end, goal).flatten() == 0
    distance, error = (goal - start).norm(dim=-1), (goal - end).norm(dim=-1)
    yield f"{met.float().mean():.3f} of {len(met)} episodes from seed {SEED} on"
    for fifth in distance.argsort().chunk(5):
        near, far = distance[fifth].min(), distance[fifth].max()
        success, median = met[fifth].float().mean(), error[fifth].median()
        yield f"goals {near:.2f}-{far:.2f} m away: {success:.2f}, the median error is {median * 100:.1f} cm"
    if met.all():
        return
    lower, middle, upper = error[~met].quantile(torch.tensor([0.25, 0.5, 0.75])) * 100
    yield f"misses: {lower:.1f} cm off at the first quartile, {middle:.1f} at the median, {upper:.1f} at the third"
    travelled = ((end - start) * (goal - start)).sum(-1) / distance
    yield f"misses short of the goal: {(travelled < distance)[~met].float().mean():.2f}"
    moving = (end - before).norm(dim=-1) > 0.005
    yield f"misses that moved more than 5 mm in the last ten steps: {moving[~met].float().mean():.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", help="run folders, or policy files")
    parser.add_argument("--episodes", type=int, default=1_000)
    args = parser.parse_args()
    with one_torch_thread(), torch.no_grad():
        for run in args.runs:
            print(run, *lines(load_policy(run), args.episodes), sep="\n  ")


if __name__ == "__main__":
    main()
