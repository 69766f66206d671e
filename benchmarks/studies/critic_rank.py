"""The rank of what a concatenated critic has learned: Q over states, actions and goals as a table, by its factors.

python recipes/sher_fetch_push.py --seed 0 --total-frames 100000 --run-name push
python benchmarks/studies/critic_rank.py runs/push
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import torch
from torch import Tensor

import sher_rl
from sher_rl.checkpoint.run import saved_checkpoints
from sher_rl.functional.low_rank import low_rank_factors
from sher_rl.training.config_file import load_config
from sher_rl.untrusted import load_tensors

sys.path.append(str(Path(__file__).parents[2] / "recipes"))
import sher

STATES, ACTIONS, GOALS = 200, 9, 300
RANKS = (1, 2, 4, 8, 16, 32, 64)


def trained_parts(run: Path) -> sher_rl.Parts:
    """Networks and normalisers of a run's last checkpoint, beside environments of another seed."""
    config = load_config(sher_rl.Config, run / "config.json")
    parts = sher.build(dataclasses.replace(config, compile=False, buffer_size=10_000, seed=config.seed + 1_000))
    state = load_tensors((saved_checkpoints(run)[-1] / "state.pt").read_bytes())
    parts.learner.loss.load_state_dict(state["loss"])
    parts.normalizer.load_state_dict(state["normalizer"])
    return parts


def value_table(parts: sher_rl.Parts) -> Tensor:
    """Q1 ``(STATES, ACTIONS, GOALS)`` of states that exploration visits, with goals achieved and asked for."""
    steps = torch.cat([parts.env.rollout(50, parts.explorer).reshape(-1) for _ in range(2)])
    states = steps["observation"][torch.randperm(len(steps))[:STATES]]
    chosen = steps[torch.randperm(len(steps))[:GOALS]]
    goals = torch.cat((chosen["achieved_goal"][::2], chosen["desired_goal"][1::2]))
    actions = 2 * torch.rand(ACTIONS, parts.env.full_action_spec["action"].shape[-1]) - 1
    loss = parts.learner.loss
    with loss.qvalue_network_params[0].to_module(loss.qvalue_network):
        return torch.stack([of_state(parts, state, actions, goals) for state in states])


def of_state(parts: sher_rl.Parts, state: Tensor, actions: Tensor, goals: Tensor) -> Tensor:
    """Q ``(ACTIONS, GOALS)`` of one state."""
    wide = (len(actions), len(goals), -1)
    observation = parts.normalizer.observation(state).expand(*wide)
    goal = parts.normalizer.goal(state.expand(len(goals), -1), goals).expand(*wide)
    return parts.learner.loss.qvalue_network.module(observation, goal, actions[:, None].expand(*wide)).squeeze(-1)


def report(q: Tensor, rank: int) -> str:
    """What the nearest table of a rank leaves of the values, and of the best action's advantage."""
    phi, psi = low_rank_factors(q.flatten(0, 1), rank)
    near = (phi @ psi.T).view_as(q)
    values = (near - q).square().mean() / q.var()
    best = q.gather(1, near.argmax(1, keepdim=True)).squeeze(1)
    advantage = (best - q.mean(1)).mean() / (q.amax(1) - q.mean(1)).mean()
    return f"| {rank} | {1 - values:.3f} | {advantage:.3f} |"


@torch.no_grad()
def main(run: Path) -> None:
    """Print a row for each rank."""
    torch.manual_seed(0)
    q = value_table(trained_parts(run)).double()
    print("| rank | variance of Q explained | advantage of the best of nine actions kept |")
    print("|---:|---:|---:|")
    for rank in RANKS:
        print(report(q, rank))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run with --critic concat")
    main(parser.parse_args().run)
