"""``sher-rl sweep``: a recipe with every combination of several flags' values, and one report of all runs."""

from __future__ import annotations

import dataclasses
import itertools
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import tyro

from sher_rl.cli.errors import exit_with_sentence
from sher_rl.cli.recipe import DEFAULT_ENV, numbers_of, parse
from sher_rl.cli.recipe_files import load_recipe, recipe_path
from sher_rl.cli.report import report
from sher_rl.cli.scheduler import run_all
from sher_rl.errors import UsageError, check_counts
from sher_rl.output import say
from sher_rl.training.config import RunConfig
from sher_rl.training.loop import finished
from sher_rl.training.run_name import run_name

DEFAULT_RECIPE = "sher"
Axes = dict[str, list[list[str]]]
"""From a flag to its choices, each of them the words that follow the flag."""


@dataclasses.dataclass(frozen=True)
class Args:
    """Train with every combination of the values that follow the recipe's flags.

    sher-rl sweep fetch_reach --alpha 0.01 0.02 --seed 0 1 2 --jobs 2

    makes six runs and one picture of two lines. Every flag of the recipe may have several values, but for --hidden,
    whose values belong together. Called again, it makes what is missing and resumes what was stopped.
    """

    jobs: int = 1
    """Runs at a time, each on its share of the cores."""
    out_dir: Path = Path("runs/sweep")
    """Folder for run folders, what they print, and curve.png."""
    dry_run: bool = False
    """Print the runs and their commands, and run nothing."""


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of a sweep."""

    recipe: Path
    flags: tuple[str, ...]
    config: RunConfig

    @property
    def name(self) -> str:
        """What its folder is called: task, method, the flags that differ from the recipe's, seed."""
        return str(self.config.run_name)

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.config.out_dir / self.name

    def state(self) -> str:
        """What there is of it: ``finished``, something to ``resume``, or nothing, ``new``."""
        if finished(self.folder, self.config.total_frames):
            return "finished"
        return "resume" if (self.folder / "config.json").exists() else "new"

    def command(self) -> list[str]:
        """The recipe, with its flags."""
        start = [sys.executable, str(self.recipe)]
        if self.state() == "new":
            return [*start, *self.flags, "--out-dir", str(self.config.out_dir), "--run-name", self.name]
        logger = ["--logger", self.config.logger] if self.config.logger else []
        frames = ["--total-frames", str(self.config.total_frames)]
        return [*start, "--env", self.config.env_id, *frames, *logger, "--resume", str(self.folder)]

    def keep(self) -> None:
        """Nothing more: everything is in the folder."""


def axes(args: Sequence[str], whole: Sequence[str] = ("--hidden",)) -> Axes:
    """Flags and the values that follow each of them.

    Args:
        args: of a command line.
        whole: flags whose values belong together.

    Raises:
        UsageError: a value comes before all flags, or a flag comes twice.

    >>> axes(["--alpha", "0.01", "0.02", "--no-compile", "--hidden", "64", "64", "--seed=1"])
    {'--alpha': [['0.01'], ['0.02']], '--no-compile': [[]], '--hidden': [['64', '64']], '--seed': [['1']]}
    """
    words: dict[str, list[str]] = {}
    flag = None
    for arg in itertools.chain.from_iterable(_split(arg) for arg in args):
        if arg.startswith("--"):
            flag = arg.replace("_", "-")
            if flag in words:
                raise UsageError(f"{flag} is given twice; give it once, with all its values.")
            words[flag] = []
        elif flag is None:
            raise UsageError(f"{arg!r:.80} follows no flag; use sher-rl sweep RECIPE --flag VALUE VALUE.")
        else:
            words[flag].append(arg)
    return {flag: [values] if flag in whole or not values else [[v] for v in values] for flag, values in words.items()}


def combinations(choices: Axes) -> Iterator[tuple[str, ...]]:
    """Command lines with one choice of each flag, the last flag's choices next to each other.

    >>> list(combinations({"--alpha": [["0.1"], ["0.2"]], "--no-compile": [[]]}))
    [('--alpha', '0.1', '--no-compile'), ('--alpha', '0.2', '--no-compile')]
    """
    for chosen in itertools.product(*choices.values()):
        yield tuple(word for flag, words in zip(choices, chosen, strict=True) for word in (flag, *words))


def plan(recipe: str, choices: Axes, out_dir: Path) -> list[Job]:
    """The runs of a sweep, in the order of the flags.

    Raises:
        UsageError: there is no such recipe, a value is wrong, or two runs are the same.
        SystemExit: a flag or its value cannot be read.
    """
    jobs: dict[str, Job] = {}
    for flags in combinations(choices):
        default = _numbers(recipe, flags)
        config = parse(default, flags)
        config = dataclasses.replace(config, out_dir=out_dir, run_name=run_name(config, default))
        job = Job(recipe_path(recipe), flags, config)
        if job.name in jobs:
            raise UsageError(
                f"two runs are called {job.name}; sweep over numbers that change what is learned, or seeds."
            )
        jobs[job.name] = job
    return list(jobs.values())


def main(recipe: str, args: Args, choices: Axes) -> int:
    """Make the runs and their report; returns an exit code."""
    check_counts(jobs=args.jobs)
    for flag in ("--run-name", "--resume"):
        if flag in choices:
            raise UsageError(f"{flag} is for one run; leave it out of a sweep, which names and resumes its runs.")
    jobs = plan(recipe, choices, args.out_dir)
    if args.dry_run:
        say("\n".join(f"{job.name}: {job.state()}: {shlex.join(job.command())}" for job in jobs))
        return 0
    code = run_all(jobs, args.jobs)
    if done := [job.folder for job in jobs if job.state() == "finished"]:
        say(report(done, args.out_dir / "curve.png"))
    return code


def run() -> None:
    """Read the command line; wrong input ends the process with one sentence."""
    exit_with_sentence(lambda: sys.exit(_run(sys.argv[1:])))


def _run(args: Sequence[str]) -> int:
    named = bool(args) and not args[0].startswith("-")
    recipe = args[0] if named else DEFAULT_RECIPE
    words = args[1:] if named else args
    if "--help" in words or "-h" in words:
        tyro.cli(Args, args=["--help"])
    choices = axes(words)
    own = {f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(Args)}
    options = next(combinations({flag: choices.pop(flag) for flag in own & choices.keys()}))
    return main(recipe, tyro.cli(Args, args=options), choices)


def _split(arg: str) -> list[str]:
    flag, sign, value = arg.partition("=")
    return [flag, value] if sign and arg.startswith("--") else [arg]


def _numbers(recipe: str, flags: Sequence[str]) -> RunConfig:
    module = load_recipe(recipe)
    if hasattr(module, "CONFIG"):
        return module.CONFIG
    given: Mapping[str, str] = dict(itertools.pairwise(flags))
    return numbers_of(module.published, given.get("--env", given.get("--env-id", DEFAULT_ENV)))
