"""Everything a run is made of, as one frozen dataclass that tyro turns into a command line."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_args, get_origin, get_type_hints

import torch
import tyro
from torchrl import logger as torchrl_logger

from sher_rl.errors import UsageError, is_number
from sher_rl.files import replace_file
from sher_rl.functional.bounds import Clip

Sampling = Literal["uniform", "cher", "per", "ebp", "cdp", "mep"]
LoggerName = Literal["tensorboard", "wandb", "mlflow", "trackio"]


def task_name(env_id: str) -> str:
    """The short name that recipes, run folders and results have.

    >>> task_name("FetchPickAndPlace-v4"), task_name("HandManipulateEgg-v1")
    ('fetch_pick_and_place', 'hand_egg')
    """
    name = re.split(r"[:/]", env_id)[-1].partition("-")[0].replace("Manipulate", "")
    return "_".join(re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)).lower()


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One run, whatever its method. Algorithmic numbers have no defaults, so a recipe states each of them."""

    env_id: str
    """gymnasium id of the goal environment."""
    method: str
    """Name of the method, for the run folder."""
    total_frames: int
    """Environment steps to train for, over all environments."""
    num_envs: int
    """Environments stepped together."""

    frames_per_batch: int
    """Environment steps between two rounds of updates, over all environments."""
    updates_per_batch: int
    """Gradient steps in a round of updates (N of Algorithm 1)."""
    random_frames: int
    """Uniformly random steps at the start, before the first update."""
    random_action: float
    """Probability of a uniformly random action afterwards, while training."""

    buffer_size: int
    """Transitions kept; the oldest are overwritten."""
    batch_size: int
    """Transitions in a gradient step."""
    k: float
    """Hindsight goals for each original one (future strategy)."""

    hidden: tuple[int, ...]
    """Widths of the hidden layers of every network."""
    actor_lr: float
    """Adam's step size for the policy (and an automatic temperature)."""
    critic_lr: float
    """Adam's step size for the critics."""
    gamma: float
    """Discount."""
    polyak: float
    """Share of a target network kept when it moves."""
    eval_frames: int
    """Environment steps between evaluations."""
    eval_episodes: int
    """Deterministic test episodes in an evaluation."""

    train_eval_episodes: int | None = None
    """Deterministic episodes on training's first goals in an evaluation; None is a quarter of eval_episodes, 0 none."""
    seed: int = 0
    """Seed of weights, draws and environments; test environments have seeds of their own."""
    out_dir: Path = Path("runs")
    """Folder for run folders."""
    run_name: str | None = None
    """Name of the run folder; the default is made of task, method, seed and time."""
    checkpoint_minutes: float = 10.0
    """Minutes between checkpoints; there is one at the end, too."""
    logger: LoggerName | None = None
    """TorchRL's logger that gets the rows of progress.csv, too; see make_logger."""
    device: str = "cpu"
    """Where the networks and the buffer live."""
    compile: bool = shutil.which("g++") is not None
    """Compile the gradient step: about twice as fast, after a quarter of a minute the first time."""
    resume: Path | None = None
    """Run folder to go on with from its last checkpoint; of the other flags only --total-frames may be given then."""

    def __post_init__(self) -> None:
        self._check_types()
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} is {getattr(self, name)}; use a number above 0.")
        for name in ("random_frames", "train_eval_episodes", "seed"):
            if not (getattr(self, name) or 0) >= 0:
                raise UsageError(f"{name} is {getattr(self, name)}; use a number of at least 0.")
        for name in ("random_action", "polyak"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is {getattr(self, name)}; use a number from 0 to 1.")
        if not self.hidden or min(self.hidden) < 1:
            raise UsageError(f"hidden is {self.hidden}; use one width or more, each at least 1.")
        if self.batch_size > self.buffer_size:
            raise UsageError(f"batch_size {self.batch_size} exceeds buffer_size {self.buffer_size}.")
        if self.frames_per_batch + self.num_envs > self.buffer_size:
            batch = f"frames_per_batch {self.frames_per_batch} and num_envs {self.num_envs}"
            raise UsageError(f"{batch} do not fit buffer_size {self.buffer_size}; make it at least their sum.")
        if self.run_name is not None and Path(self.run_name).name != self.run_name:
            raise UsageError(f"run_name is {self.run_name!r}; use a folder's name, out_dir says where.")
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            raise UsageError(f"device {self.device!r} cannot be used ({str(error).splitlines()[0]}).") from error

    def _check_types(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            if not _fits(getattr(self, name), hint):
                expected = getattr(hint, "__name__", hint)
                raise UsageError(f"{name} is {getattr(self, name)!r:.80}; it has to be of type {expected}.")

    @property
    def task(self) -> str:
        """The task's short name; see :func:`task_name`."""
        return task_name(self.env_id)

    @property
    def train_seed(self) -> int:
        """Seed of the first training environment; the others follow."""
        return 100_000 * self.seed

    @property
    def test_seed(self) -> int:
        """Seed of the first test episode; the others follow."""
        return self.train_seed + 50_000

    def save(self, path: Path) -> None:
        """Write the resolved values as JSON."""
        replace_file(path, (json.dumps(self.values(), indent=2) + "\n").encode())

    def values(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return json.loads(json.dumps(dataclasses.asdict(self), default=str))

    def lasting(self) -> dict[str, Any]:
        """Those of :meth:`values` that a run keeps when it is resumed."""
        return {name: value for name, value in self.values().items() if name not in ("total_frames", "resume")}

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what :meth:`save` wrote; as a ``RunConfig``, what the methods share of any run's.

        Raises:
            UsageError: the file is missing or is no such JSON.
        """
        try:
            values = json.loads(path.read_text())
            if cls is RunConfig:
                values = {key: values[key] for key in _SHARED & values.keys()}
            paths = {key: values[key] and Path(values[key]) for key in ("out_dir", "resume")}
            return cls(**(values | paths | {"hidden": tuple(values["hidden"])}))
        except (OSError, TypeError, KeyError, ValueError, RecursionError) as error:
            raise UsageError(f"{str(path)!r} is no configuration of a run ({error!s:.120}).") from error


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a field's type"""
    if origin := get_origin(hint):
        if origin is tuple:
            return isinstance(value, tuple) and all(_fits(item, get_args(hint)[0]) for item in value)
        if origin is Literal:
            return any(value is option or value == option for option in get_args(hint))
        return any(_fits(value, option) for option in get_args(hint))
    if hint in (int, float):
        return is_number(value) and isinstance(value, (int, hint))
    return isinstance(value, hint)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """A run of Soft Hindsight Experience Replay (arXiv:2002.02089). Every SHER recipe has one in full.

    Raises:
        UsageError: a value is of another type than the field, or out of range.
    """

    alpha: float
    """Temperature; the initial one if target_entropy is given."""
    target_entropy: float | Literal["auto"] | None
    """Entropy in nats that an automatic temperature aims at; auto is minus the action's size, None is off."""
    clip: Clip
    """Bounds on the targets; see SoftMultiGoalLoss."""
    actor_q: Literal["q1", "min"]
    """The Q that the policy ascends."""
    sampler: Sampling = "uniform"
    """Which transitions are drawn from the buffer; see make_sampler."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class HerConfig(RunConfig):
    """A run of a deterministic baseline, HER (arXiv:1707.01495) or CHER (Fang et al., NeurIPS 2019).

    ``recipes/her.py`` and ``recipes/cher.py`` have one in full.

    Raises:
        UsageError: a value is of another type than the field, or out of range.
    """

    action_noise: float
    """Standard deviation of the Gaussian noise on actions while training."""
    action_l2: float
    """Weight of the penalty on the action's mean square."""


AnyConfig = TypeVar("AnyConfig", bound=RunConfig)
_SHARED = {field.name for field in dataclasses.fields(RunConfig)}
_POSITIVE = (
    "total_frames num_envs frames_per_batch updates_per_batch buffer_size batch_size "
    "actor_lr critic_lr eval_frames eval_episodes checkpoint_minutes"
).split()


def cli(main: Callable[[AnyConfig], object], default: AnyConfig, args: Sequence[str] | None = None) -> None:
    """Run a recipe's ``main`` from the command line: every field of ``default`` is a flag.

    Every recipe ends with it.

    Args:
        main: gets the configuration.
        default: what the command line leaves open; with ``--resume RUN`` the run's own values take its place.
        args: the command line; the default is this process's.

    Raises:
        SystemExit: wrong input, files out of reach or numbers that are not finite, with one sentence; after
            ``--help``; and on SIGTERM and SIGINT, see :func:`~sher_rl.train`.
    """
    torchrl_logger.setLevel("WARNING")
    exit_with_sentence(lambda: main(parse(default, args)))


def exit_with_sentence(main: Callable[[], object]) -> None:
    """Call ``main``; wrong input and files out of reach end the process with one sentence, not a traceback."""
    try:
        main()
    except (UsageError, ImportError, OSError, FloatingPointError) as error:
        sys.exit(f"error: {error}")


def parse(default: AnyConfig, args: Sequence[str] | None = None) -> AnyConfig:
    """Read a command line; what it leaves open is as in ``default``, or as in the run that it resumes.

    Raises:
        UsageError: a value is wrong, or a flag would change the run that is resumed.
    """
    description = sys.modules["__main__"].__doc__
    config = tyro.cli(type(default), default=default, args=args, description=description)
    if config.resume is None:
        return config
    saved = type(default).load(config.resume / "config.json")
    for name in ("env_id", "method"):
        if getattr(saved, name) != getattr(default, name):
            raise UsageError(
                f"resume {str(config.resume)!r} is a run of {name} {getattr(saved, name)!r}, this recipe's is "
                f"{getattr(default, name)!r}; use its own recipe, or --env where a recipe has that."
            )
    config = tyro.cli(type(default), default=saved, args=args, description=description)
    if changed := [name for name, value in config.lasting().items() if value != saved.lasting()[name]]:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in changed)
        raise UsageError(f"resume {str(config.resume)!r} goes on as it began; leave out {flags}.")
    return config
