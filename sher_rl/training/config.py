"""The numbers of a run, as one frozen dataclass that tyro turns into a command line."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import tyro

from sher_rl.errors import UsageError
from sher_rl.functional.bounds import Clip
from sher_rl.tasks import task_name
from sher_rl.training.config_checks import check_config

Sampling = Literal["uniform", "cher", "per", "ebp", "cdp", "mep"]
Critic = Literal["concat", "two-stream", "merged", "bilinear"]
Proposal = Literal["gan", "rare", "uniform"]
LoggerName = Literal["tensorboard", "wandb", "mlflow", "trackio"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One run, whatever its method. Algorithmic numbers have no defaults, so a recipe states each of them."""

    env_id: Annotated[str, tyro.conf.arg(aliases=("--env",))]
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

    symmetric: bool = False
    """Networks see the object's rotation without what its symmetry makes equal; see SymmetricObjectNorm."""
    waypoint_angle: float = 0.8
    """Radians to a goal's rotation above which a waypoint can stand for it while exploring; see toward_waypoints."""
    waypoint_share: float = 0.0
    """Share of the environments that explore toward waypoints."""
    policy_ema: float = 0.0
    """Share that a round of updates keeps of the averaged policy, which is tested and saved; 0 for no average."""
    train_eval_episodes: int | None = None
    """Deterministic episodes on training's first goals in an evaluation; None is a quarter of eval_episodes, 0 none."""
    seed: int = 0
    """Seed of weights, draws and environments; test environments have seeds of their own."""
    out_dir: Path = Path("runs")
    """Folder for run folders."""
    run_name: str | None = None
    """Name of the run folder; the default is made of task, method, changed flags, seed and time."""
    checkpoint_minutes: float = 10.0
    """Minutes between checkpoints; there is one at the end, too."""
    logger: LoggerName | None = None
    """TorchRL's logger that gets the rows of progress.csv, and numbers of each round of updates."""
    logger_project: str | None = None
    """Project at Weights & Biases or Trackio, experiment at MLflow; None is sher-rl, at MLflow the run's name."""
    logger_entity: str | None = None
    """Team or user at Weights & Biases; None is the account's own."""
    video: bool = False
    """Film the first test episode at each evaluation, for the folder videos and the logger; needs the extra video."""
    quiet: bool = False
    """Show warnings and errors only."""
    num_threads: int | None = None
    """Threads that step environments and that torch computes with; None is one per core."""
    device: str = "cpu"
    """Where the networks and the buffer live."""
    ray: str | None = None
    """Ray cluster whose processes collect, hold the buffer and evaluate: its address, or local to start one here."""
    actors: int = 1
    """Processes that collect on a Ray cluster; each steps its share of num_envs."""
    compile: bool = shutil.which("g++") is not None
    """Compile the gradient step: about twice as fast, after a quarter of a minute the first time."""
    init_from: str | None = None
    """Run folder, policy.pt or name of a pretrained policy to begin with; see init_from."""
    resume: Path | None = None
    """Run folder to go on with from its last checkpoint; only --total-frames, --quiet and --video may be given then."""

    def __post_init__(self) -> None:
        check_config(self)

    @property
    def task(self) -> str:
        """The task's short name; see :func:`~sher_rl.tasks.task_name`."""
        return task_name(self.env_id)

    @property
    def train_seed(self) -> int:
        """Seed of the first training environment; the others follow."""
        return 100_000 * self.seed

    @property
    def test_seed(self) -> int:
        """Seed of the first test episode; the others follow."""
        return self.train_seed + 50_000


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
    goal_noise: float = 0.0
    """Standard deviation of noise on hindsight goals, in their own units; see HindsightRelabel."""
    next_share: float = 0.0
    """Share of hindsight goals that the transition's own action achieved; the others are of the future strategy."""
    min_motion: float = 0.0
    """Distance below which a hindsight goal is not given, since nothing had to move for it; see HindsightRelabel."""
    pose_difference: bool = True
    """Networks see a goal that is a pose as what differs from the object's pose; see PoseNorm."""
    sampler: Sampling = "uniform"
    """Which transitions are drawn from the buffer; see make_sampler."""
    critic: Critic = "concat"
    """Architecture of Q and V: one network of all inputs, or two streams; see make_two_stream_networks."""

    @property
    def strategy(self) -> dict[str, float]:
        """Shares of the strategies for hindsight goals; see HindsightRelabel."""
        return {"future": 1 - self.next_share, "next": self.next_share}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RelayConfig(Config):
    """A run of SHER with a relay: a sub-task that is learned beside the task and leads to it (arXiv:2208.00843).

    Raises:
        UsageError: a value is of another type than the field, or out of range.
    """

    sub_task_distance: float
    """Metres from the object below which the sub-task is met."""
    sub_task_share: float
    """Share of each batch that is of the sub-task."""
    guide: float
    """Probability that the sub-task's policy acts, while the sub-task is not met."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.sub_task_distance > 0:
            raise UsageError(f"sub_task_distance is {self.sub_task_distance}; use a number above 0.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DherConfig(Config):
    """A run of SHER where goals move: a share of each batch has spliced goals (DHER, Fang et al., ICLR 2019).

    Raises:
        UsageError: a value is of another type than the field, or out of range.
    """

    cell: float
    """Edge of the cells in which goals meet, in metres."""
    share: float
    """Share of each batch that is spliced while no episode succeeds; 0 for none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.cell > 0:
            raise UsageError(f"cell is {self.cell}; use a number above 0.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DemonstrationsConfig(Config):
    """A run of SHER with demonstrations in each batch.

    Raises:
        UsageError: a value is of another type than the field, or out of range.
    """

    demonstrations: int
    """Episodes of the expert."""
    demonstration_share: float
    """Share of each batch that is demonstrations."""
    cloning: float
    """Weight of cloning the demonstrations that the critic holds for better than the policy, 0 for none."""
    demonstration_folder: Path | None = None
    """Minari data set to take them from; without, the recipe's expert plays them at the start."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sampler == "per":
            raise UsageError("sampler is 'per', and demonstrations have no priorities; use another one.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CurriculumConfig(Config):
    """A run of SHER on proposed goals, such as those of Goal GAN (arXiv:1705.06366).

    Raises:
        UsageError: a value is of another type than the field, or out of range.
    """

    proposal: Proposal
    """Where the goals of training come from."""


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
    pose_difference: bool = False
    """Networks see a goal that is a pose as what differs from the object's pose; see PoseNorm."""


AnyConfig = TypeVar("AnyConfig", bound=RunConfig)
