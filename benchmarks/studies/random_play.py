"""What uniformly random actions do in a task: how far goals are at the start, and how far what has goals is moved.

python benchmarks/studies/random_play.py FetchPush-v4 HandManipulateEgg-v1 --episodes 200
python benchmarks/studies/random_play.py HandManipulateEgg-v1 --hold 10 --scale 1

Hindsight learns from goals that were reached, so this is what the first of them are.
"""

import argparse
import itertools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from sher_rl import make_env
from sher_rl.functional.poses import pose_errors
from sher_rl.training.threads import one_torch_thread

SEED = 900_000


def held_actions(shape: torch.Size, hold: int, scale: float) -> Callable[..., Tensor]:
    """A policy, whatever the state, that draws uniform actions within ``scale`` anew every ``hold`` steps."""
    draws = (scale * (2 * torch.rand(shape) - 1) for _ in itertools.count())
    actions = itertools.chain.from_iterable(itertools.repeat(draw, hold) for draw in draws)
    return lambda *state: next(actions)


def summary(name: str, distance: Tensor) -> str:
    """Share of the episodes over a centimetre, and quartiles in centimetres."""
    quartiles = ", ".join(f"{100 * value:.1f}" for value in distance.quantile(torch.tensor([0.25, 0.5, 0.75]).double()))
    return f"{name}: over 1 cm in {(distance > 0.01).double().mean():.3f}; quartiles {quartiles} cm"


def report(env_id: str, episodes: int, hold: int, scale: float) -> Iterator[str]:
    """Lines for a task."""
    env = make_env(env_id, episodes)
    env.set_seed(SEED)
    with one_torch_thread(), torch.no_grad():
        steps = env.rollout(1_000, held_actions(env.action_spec.shape, hold, scale))
    env.close()
    start, goal, path = steps["achieved_goal"][:, 0], steps["desired_goal"][:, 0], steps["next", "achieved_goal"]
    pairs = {
        "goal from start": (start, goal),
        "end from start": (start, path[:, -1]),
        "end from goal": (path[:, -1], goal),
    }
    for name, (one, other) in pairs.items():
        yield summary(name, (one - other)[:, :3].double().norm(dim=-1))
        if one.shape[-1] == 7:
            angle = pose_errors(one, other, free_spin=False)[1]
            yield f"{name}: median {angle.median():.2f} rad, over π in {(angle > torch.pi).double().mean():.3f}"
    yield f"highest: over 10 cm above the start in {((path[..., 2].amax(1) - start[:, 2]) > 0.1).double().mean():.3f}"
    yield f"lost: over 10 cm below the start at the end in {((start[:, 2] - path[:, -1, 2]) > 0.1).double().mean():.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("env_ids", nargs="+", help="tasks whose goals are positions or poses")
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--hold", type=int, default=1, help="steps that an action is held for")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="actions are uniform within plus and minus this; 0 is none"
    )
    args = parser.parse_args()
    for env_id in args.env_ids:
        torch.manual_seed(0)
        print(env_id, *report(env_id, args.episodes, args.hold, args.scale), sep="\n  ")


if __name__ == "__main__":
    main()
