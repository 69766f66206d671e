"""How well each architecture learns a known value: the Q of a trained concatenated critic, by regression.

python recipes/sher_fetch_push.py --seed 0 --total-frames 100000 --run-name push
python benchmarks/studies/critic_fit.py runs/push
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from tensordict.nn import TensorDictModuleBase
from torch import Tensor

import sher_rl
from benchmarks.studies.critic_rank import sher, trained_parts

ROLLOUTS, ACTIONS, BATCH = 12, 9, 256
AT = (1_000, 3_000, 6_000)
"""Steps after which a row is printed."""


class Questions(NamedTuple):
    """What a critic is asked about, normalised; each row is a state and a goal."""

    observation: Tensor
    """``(rows, o)``."""
    goal: Tensor
    """``(rows, g)``, achieved elsewhere or asked for."""
    actions: Tensor
    """``(rows, ACTIONS, d)``."""


def questions(parts: sher_rl.Parts) -> Questions:
    """Draw states that exploration visits, goals and actions."""
    steps = torch.cat([parts.env.rollout(50, parts.explorer).reshape(-1) for _ in range(ROLLOUTS)])
    other = steps[torch.randperm(len(steps))]
    asked = torch.rand(len(steps), 1) < 0.5
    goal = torch.where(asked, steps["desired_goal"], other["achieved_goal"])
    actions = 2 * torch.rand(len(steps), ACTIONS, parts.env.full_action_spec["action"].shape[-1]) - 1
    state = steps["observation"]
    return Questions(parts.normalizer.observation(state), parts.normalizer.goal(state, goal), actions)


def answers(critic: TensorDictModuleBase, observation: Tensor, goal: Tensor, actions: Tensor) -> Tensor:
    """Q ``(rows, ACTIONS)``."""
    wide = (*actions.shape[:2], -1)
    return critic.module(observation[:, None].expand(wide), goal[:, None].expand(wide), actions).squeeze(-1)


def report(q: Tensor, fitted: Tensor) -> str:
    """Shares explained, of all values and of those of one state around their mean, and share of advantage kept."""
    around = q - q.mean(1, keepdim=True)
    around_fitted = fitted - fitted.mean(1, keepdim=True)
    explained = 1 - (fitted - q).square().mean() / q.var()
    of_actions = 1 - (around_fitted - around).square().mean() / around.square().mean()
    kept = around.gather(1, fitted.argmax(1, keepdim=True)).mean() / around.amax(1).mean()
    return f"{explained:.3f} | {of_actions:.3f} | {kept:.3f} |"


def fit(critic: TensorDictModuleBase, asked: Questions, q: Tensor) -> Iterator[int]:
    """Regress a critic on values of one action a row; yields the number of steps at each of ``AT``."""
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3)
    for step in range(1, AT[-1] + 1):
        rows = torch.randint(len(q), (BATCH,))
        action = torch.randint(ACTIONS, (BATCH,))
        taken = asked.actions[rows, action][:, None]
        error = answers(critic, asked.observation[rows], asked.goal[rows], taken).squeeze(1) - q[rows, action]
        optimizer.zero_grad()
        error.square().mean().backward()
        optimizer.step()
        if step in AT:
            yield step


def main(run: Path) -> None:
    """Print a row for each architecture and number of steps, of a tenth of the states that is not learned from."""
    torch.manual_seed(0)
    parts = trained_parts(run)
    loss = parts.learner.loss
    with torch.no_grad(), loss.qvalue_network_params[0].to_module(loss.qvalue_network):
        asked = questions(parts)
        q = answers(loss.qvalue_network, *asked)
    held = len(q) // 10
    unseen, seen = (Questions(*(part[rows] for part in asked)) for rows in (slice(held), slice(held, None)))
    print("| critic | steps | variance explained | that of actions | advantage kept |")
    print("|---|---:|---:|---:|---:|")
    for name, make in sher.CRITICS.items():
        torch.manual_seed(1)
        _, critic, _ = make(sher_rl.GoalDims.of(parts.env), (256, 256, 256))
        for step in fit(critic, seen, q[held:]):
            with torch.no_grad():
                print(f"| `{name}` | {step:,} | {report(q[:held], answers(critic, *unseen))}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run with --critic concat")
    main(parser.parse_args().run)
