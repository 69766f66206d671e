"""Evaluate, film or record a saved policy: ``python -m sher_rl.play RUN --episodes 20 [--video out.mp4]``.

``python -m sher_rl.play --pretrained FetchPush`` plays one that comes with the package.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tensordict.nn import TensorDictModuleBase

from sher_rl.cli.errors import exit_with_sentence
from sher_rl.envs.make import default_backend, make_env
from sher_rl.errors import UsageError
from sher_rl.modules.policy_file import load_policy, pretrained
from sher_rl.output import say
from sher_rl.training.config import RunConfig
from sher_rl.training.config_file import load_config
from sher_rl.training.evaluation import TEST_ENVS, evaluate
from sher_rl.training.film import film
from sher_rl.training.recording import check_new, record_demonstrations, save_demonstrations

COUNTED = 100
FILMED = 10
"""Episodes to play where ``--episodes`` does not say: rendering takes a second or two for each."""


@dataclass(frozen=True)
class Args:
    """Evaluate, film or record a saved policy."""

    run: Annotated[Path | None, tyro.conf.Positional] = None
    """Run folder, or a policy.pt."""
    pretrained: str | None = None
    """In place of a run: task whose trained policy comes with the package, such as FetchPush."""
    env_id: str | None = None
    """Task to play, module:id for one of your own; the default is what the policy was trained on."""
    episodes: int | None = None
    """Deterministic episodes; 10 for a film, else 100, which with the defaults are those of training's evaluations."""
    seed: int | None = None
    """Seed of the first episode; the default is the run's own test seed."""
    num_envs: int = TEST_ENVS
    """Environments stepped together; with another number products are rounded otherwise, and an episode may end so."""
    video: Path | None = None
    """Film the episodes into this mp4 instead of counting successes."""
    record: Path | None = None
    """Record the episodes into this new folder, a Minari data set, instead of counting successes."""
    successful: bool = False
    """Record successful episodes only, as many as asked for."""


def main(args: Args) -> None:
    """Evaluate, film or record what ``args`` name."""
    episodes = _episodes(args)
    if episodes < 1:
        raise UsageError(f"episodes is {episodes}; use at least 1.")
    if (args.run is None) == (args.pretrained is None):
        raise UsageError("run is what to play: give a run folder, a policy.pt, or --pretrained TASK, one of them.")
    if args.video and args.record:
        raise UsageError("video and record are both given; film and record one after the other.")
    path = args.run or pretrained(str(args.pretrained))
    policy = load_policy(path)
    policy.env_id = args.env_id or policy.env_id
    seed = args.seed if args.seed is not None else _test_seed(path)
    if args.video:
        frames = film(policy, args.video, episodes=episodes, seed=seed)
        say(f"{args.video}: {episodes} episodes of {policy.env_id}, {frames} frames")
        return
    play(
        policy,
        policy.env_id,
        episodes=episodes,
        seed=seed,
        num_envs=args.num_envs,
        record=args.record,
        successful=args.successful,
    )


def play(
    policy: TensorDictModuleBase,
    env_id: str,
    *,
    episodes: int,
    seed: int,
    num_envs: int = TEST_ENVS,
    record: Path | None = None,
    successful: bool = False,
) -> None:
    """Count the successes of a policy, or record its episodes, the successful ones alone if ``successful``."""
    env = make_env(env_id, min(num_envs, episodes), backend=default_backend(env_id))
    with closing(env):
        if record is None:
            success = evaluate(policy, env, episodes=episodes, seed=seed)
            say(f"{env_id}: success {success.mean():.3f} in {len(success)} deterministic episodes from seed {seed}")
            return
        check_new(record)
        rows = record_demonstrations(policy, env, episodes=episodes, seed=seed, successful=successful)
    save_demonstrations(record, rows, env_id)
    say(f"{record}: {episodes} episodes of {env_id}, {len(rows):,} steps, from seed {seed}")


def _episodes(args: Args) -> int:
    if args.episodes is not None:
        return args.episodes
    return FILMED if args.video else COUNTED


def _test_seed(run: Path) -> int:
    config = (run if run.is_dir() else run.parent) / "config.json"
    return load_config(RunConfig, config).test_seed if config.exists() else 50_000


def run() -> None:
    """Entry point of ``python -m sher_rl.play``."""
    exit_with_sentence(lambda: main(tyro.cli(Args)))
