"""Every run of the paper's Figures 4 and 5 and Table 1: the recipes one after the other, resumed where they stopped.

python tools/reproduce.py --dry-run
python tools/reproduce.py --tasks fetch_reach fetch_push --seeds 0 1 2
python tools/reproduce.py --pause    # from elsewhere, while something else is measured
python tools/reproduce.py --go-on
python -m sher_rl.report docs/results/*.csv --paper docs/paper
"""

import dataclasses
import functools
import json
import shlex
import statistics
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Literal

import tyro

import sher_rl
from sher_rl.cli.errors import exit_with_sentence
from sher_rl.cli.pausing import go_on, pause
from sher_rl.cli.recipe_files import load_recipe, recipes_folder
from sher_rl.cli.scheduler import run_all
from sher_rl.errors import UsageError, check_counts
from sher_rl.files import replace_file
from sher_rl.output import say
from sher_rl.report.progress_csv import read_progress

RECIPES = recipes_folder()
TASKS = tuple(sorted(path.stem.removeprefix("sher_") for path in RECIPES.glob("sher_*.py")))
METHODS = ("sher", "her", "cher")
ABLATION = {
    ("fetch_push", "her", "parts"): "--gamma 0.96 --polyak 0.82 --random-action 0.2 --eval-frames 10000",
    ("fetch_push", "sher", "bare"): (
        "--gamma 0.98 --polyak 0.9987 --random-action 0.3"
        " --num-envs 2 --frames-per-batch 100 --updates-per-batch 40 --random-frames 0"
    ),
    ("hand_egg", "her", "parts"): (
        "--gamma 0.98 --polyak 0.951 --random-action 0.2 --updates-per-batch 10 --batch-size 1024"
        " --pose-difference --symmetric --waypoint-share 0.5 --policy-ema 0.9962 --eval-frames 50000"
    ),
    ("hand_egg", "sher", "bare"): (
        "--gamma 0.99 --polyak 0.9987 --random-action 0.3"
        " --num-envs 2 --frames-per-batch 200 --updates-per-batch 40 --random-frames 0 --batch-size 256"
        " --clip hard --no-pose-difference --no-symmetric --waypoint-share 0 --policy-ema 0 --eval-frames 50000"
    ),
}
"""HER with the parts of SHER's recipe, and SHER with HER's numbers; targets move as fast in 40 updates."""
ABLATION_FRAMES = 1_000_000
"""Steps of these runs at most."""


@dataclasses.dataclass(frozen=True)
class Args:
    """Make the runs of the paper's figures and table that are not there yet, with the recipes' own numbers."""

    tasks: tuple[Literal[TASKS], ...] = TASKS
    """Short names of tasks."""
    methods: tuple[Literal[METHODS], ...] = METHODS
    """Of Figure 4 and Table 1; an empty list leaves them out."""
    alphas: tuple[float, ...] = (0.03, 0.05, 0.1)
    """Of Figure 5, SHER on fetch_slide, if that is among the tasks; an empty list leaves it out."""
    ablation: bool = True
    """Besides, HER with the parts of SHER's recipe and SHER without, on fetch_push and hand_egg, if among the tasks."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Of each task and method."""
    frames: int | None = None
    """Environment steps of each run; the default is, for every method, what the task's SHER recipe has."""
    jobs: int = 1
    """Runs at a time, each on its share of the cores; their `seconds` compare with those of equal jobs only."""
    out_dir: Path = Path("runs/reproduce")
    """Folder for run folders, and what the recipes print."""
    results: Path = RECIPES.parent / "docs" / "results"
    """Folder for the csv files, which say what is finished."""
    dry_run: bool = False
    """Print the plan, with time and disk, and run nothing."""
    commit: bool = False
    """Commit each csv and its json to git as soon as the run has ended."""
    pause: bool = False
    """Stop every run under out_dir where it is, whoever started it, and run nothing; the time does not count."""
    go_on: bool = False
    """Let the runs under out_dir go on that were paused, and run nothing."""


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of the plan."""

    name: str
    config: sher_rl.Config
    method: str
    flags: tuple[str, ...]
    """Of the recipe, where it has not its own numbers."""
    args: Args

    @property
    def folder(self) -> Path:
        """The run's folder, under ``out_dir``."""
        return self.args.out_dir / self.name

    @property
    def csv(self) -> Path:
        """The file among the results that holds the run's rows once it has ended."""
        return self.args.results / f"{self.name}.csv"

    def state(self) -> str:
        """What there is of it: ``finished``, something to ``resume``, or nothing, ``new``."""
        rows = read_progress(self.csv) if self.csv.exists() else []
        if rows and rows[-1]["frames"] >= self.config.total_frames:
            return "finished"
        return "resume" if (self.folder / "config.json").exists() else "new"

    def recipe(self) -> list[str]:
        """The recipe, its task and its number of steps."""
        name = f"sher_{self.config.task}.py" if self.method == "sher" else f"{self.method}.py"
        env = [] if self.method == "sher" else ["--env", self.config.env_id]
        return [str(RECIPES / name), *env, "--total-frames", str(self.config.total_frames)]

    def numbers(self) -> list[str]:
        """What a whole run is told besides."""
        return ["--seed", str(self.config.seed), *self.flags]

    def command(self) -> list[str]:
        """What begins the run, or goes on with it."""
        if self.state() == "resume":
            return [sys.executable, *self.recipe(), "--resume", str(self.folder)]
        folder = ["--out-dir", str(self.args.out_dir), "--run-name", self.name]
        return [sys.executable, *self.recipe(), *self.numbers(), *folder]

    def seconds(self) -> float | None:
        """Estimated by the results of the same task and method."""
        rows = [read_progress(path)[-1] for path in self.args.results.glob(f"{self.config.task}-{self.method}-*.csv")]
        rates = [row["seconds"] / row["frames"] for row in rows]
        return statistics.median(rates) * self.config.total_frames if rates else None

    def disk(self) -> float:
        """Bytes of the two checkpoints that are kept; while another is written, half as much again."""
        dims = goal_dims(self.config.env_id)
        row = 4 * (2 * dims.observation + 3 * dims.goal + dims.action + 1) + 18
        return 2 * row * min(self.config.total_frames, self.config.buffer_size)

    def keep(self) -> None:
        """Put the csv among the results, and beside it what it was made by: the command of the whole run."""
        versions, config = (json.loads((self.folder / f"{name}.json").read_text()) for name in ("versions", "config"))
        config["total_frames"] = self.config.total_frames  # a run that is resumed with fewer than it has keeps its own
        recipe, *flags = self.recipe()
        command = shlex.join(["python", f"recipes/{Path(recipe).name}", *flags, *self.numbers()])
        made_by = {"command": command, "versions": versions, "config": config}
        self.args.results.mkdir(parents=True, exist_ok=True)
        replace_file(self.csv.with_suffix(".json"), (json.dumps(made_by, indent=1) + "\n").encode())
        replace_file(self.csv, (self.folder / "progress.csv").read_bytes())
        if self.args.commit:
            commit(self.csv)


@functools.cache
def goal_dims(env_id: str) -> sher_rl.GoalDims:
    with closing(sher_rl.make_env(env_id)) as env:
        return sher_rl.GoalDims.of(env)


def plan(args: Args) -> list[Job]:
    """The runs in the order in which they start: seed by seed, so that early stops leave whole comparisons."""
    return [job for seed in args.seeds for task in args.tasks for job in jobs_of(args, task, seed)]


def jobs_of(args: Args, task: str, seed: int) -> list[Job]:
    """The runs of a task and a seed."""
    default = load_recipe(task).CONFIG
    frames = default.total_frames if args.frames is None else args.frames
    config = dataclasses.replace(default, seed=seed, total_frames=frames)
    jobs = [Job(f"{task}-{method}-s{seed}", config, method, own_flags(method, config), args) for method in args.methods]
    for alpha in args.alphas if task == "fetch_slide" else ():
        jobs.append(Job(f"{task}-sher-a{alpha}-s{seed}", config, "sher", ("--alpha", str(alpha)), args))
    short = dataclasses.replace(config, total_frames=min(frames, ABLATION_FRAMES))
    for (of_task, method, variant), flags in ABLATION.items() if args.ablation else ():
        if of_task == task:
            jobs.append(Job(f"{task}-{method}-{variant}-s{seed}", short, method, tuple(flags.split()), args))
    return jobs


def own_flags(method: str, config: sher_rl.Config) -> tuple[str, ...]:
    """Flags of a method's runs: a baseline is tested at the same steps as SHER, so that an epoch is as long."""
    return () if method == "sher" else ("--eval-frames", str(config.eval_frames))


def show(jobs: list[Job]) -> None:
    """Print the plan, a line a run, and the sum of what is left to do."""
    todo = [job for job in jobs if job.state() != "finished"]
    for job in jobs:
        time = f"{job.seconds() / 3600:8.2f} h" if job.seconds() else " unknown  "
        say(f"{job.name:36} {job.config.total_frames:10,} steps {time} {job.disk() / 1e6:8,.0f} MB  {job.state()}")
    known = [seconds for job in todo if (seconds := job.seconds())]
    time = f"{sum(known) / 3600:.2f} h one after the other for {len(known)}, unknown for {len(todo) - len(known)}"
    disk = sum(job.disk() for job in todo) / 1e9
    say(f"{len(todo)} of {len(jobs)} runs to do: {time}; disk {disk:.2f} GB")


def commit(csv: Path) -> None:
    """Commit a csv and its json, and nothing else that git's index has; say so if git will not."""
    files = [csv.name, csv.with_suffix(".json").name]
    git = ["git", "-C", str(csv.parent)]
    last = read_progress(csv)[-1]
    subject = f"{csv.stem}: {last['test_success']:.2f} after {last['frames']:,.0f} steps"
    for command in (["add"], ["commit", "--quiet", "--message", subject]):
        done = subprocess.run([*git, *command, "--", *files], capture_output=True, text=True, check=False)
        if done.returncode:
            say(f"{csv.stem}: not committed: {(done.stderr or done.stdout).strip()[-200:]}")
            return


def main(args: Args) -> None:
    check_counts(jobs=args.jobs)
    if args.pause and args.go_on:
        raise UsageError("pause and go_on are both given; give one of them.")
    if args.pause:
        say(f"paused: {', '.join(pause(args.out_dir)) or 'no run'}")
    elif args.go_on:
        say(f"going on: {', '.join(go_on(args.out_dir)) or 'no run'}")
    elif args.dry_run:
        show(plan(args))
    else:
        sys.exit(run_all(plan(args), args.jobs))


if __name__ == "__main__":
    exit_with_sentence(lambda: main(tyro.cli(Args, description=__doc__)))
