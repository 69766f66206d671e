"""The training loop: collect, extend, update, evaluate, log, checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from tensordict.nn import TensorDictModule, TensorDictModuleBase
from torchrl.data import LazyMemmapStorage, TensorDictReplayBuffer
from torchrl.envs import EnvBase

from sher_rl.checkpoint.run import saved_checkpoints
from sher_rl.errors import UsageError
from sher_rl.learners.autograd import Learner
from sher_rl.learners.fused.learner import FusedLearner
from sher_rl.modules.normalize import GoalNormalizer
from sher_rl.output import say
from sher_rl.replay.relabel import HindsightRelabel
from sher_rl.report import draw_curves, summary_table
from sher_rl.report.progress_csv import read_progress
from sher_rl.training.checks import check_actions
from sher_rl.training.clock import pausable
from sher_rl.training.config import RunConfig
from sher_rl.training.evaluation import Evaluation
from sher_rl.training.film import check_film
from sher_rl.training.init_from import begun
from sher_rl.training.loggers import check_film_logger
from sher_rl.training.memory import check_memory
from sher_rl.training.parts import Parts
from sher_rl.training.remote.evaluation import RemoteEvaluation
from sher_rl.training.remote.replay import RemoteReplay
from sher_rl.training.remote.rollouts import RemoteRollouts
from sher_rl.training.replay import Replay
from sher_rl.training.rollouts import Rollouts
from sher_rl.training.run import TRANSITION, Run
from sher_rl.training.run_folder import run_folder
from sher_rl.training.samplers import OnCycle, nothing
from sher_rl.training.signals import noted_signals
from sher_rl.training.threads import use_threads

OnEvaluate = Callable[[Mapping[str, float]], object]
"""Called with the row of ``progress.csv`` after each evaluation."""


def train(
    config: RunConfig,
    *,
    env: EnvBase,
    policy: TensorDictModule,
    explorer: TensorDictModuleBase,
    normalizer: GoalNormalizer,
    relabel: HindsightRelabel,
    buffer: TensorDictReplayBuffer,
    learner: FusedLearner | Learner,
    on_cycle: OnCycle = nothing,
    on_evaluate: OnEvaluate = nothing,
    test_env: EnvBase | None = None,
) -> Path:
    """Train until ``config.total_frames``; see the recipes for how the parts are made.

    Evaluates every ``config.eval_frames`` frames and at the end, and writes ``policy.pt``, ``critics.pt`` and a row
    of ``progress.csv``, which ``config.logger`` gets, too; a checkpoint every ``config.checkpoint_minutes``, at the
    end, and on SIGTERM, SIGINT, SIGHUP, SIGXCPU and SIGUSR1; then ``curve.png``, if matplotlib is installed.
    ``config.resume`` goes on from the last checkpoint to the bit.

    Args:
        config: the numbers, and where the run folder goes.
        env: training environments of :func:`~sher_rl.make_env`, or others with its keys and actions in [-1, 1];
            closed at the end. Without ``get_state`` and ``set_state`` there are no checkpoints, and a warning says so.
        policy: deterministic, for evaluations; shares the learner's actor.
        explorer: what collects, from :func:`~sher_rl.make_explorer`.
        normalizer: its statistics follow the relabelled fresh episodes, and no longer what is written; last
            transform of ``buffer``.
        relabel: first transform of ``buffer``; its rewards have to be those of ``env``.
        buffer: what is collected goes in, batches come out.
        learner: takes the gradient steps.
        on_cycle: called with the frames so far after each round of updates; for what samplers do between rounds. Where
            it has ``state_dict()`` and ``load_state_dict(state)``, checkpoints have its state.
        on_evaluate: called with the row of ``progress.csv``, a mapping from columns to numbers, after each evaluation;
            what it raises ends the run, which can be resumed from its last checkpoint.
        test_env: environments for evaluations, closed at the end; the default is 20 copies of ``config.env_id``.

    ``docs/examples/own_task.py`` is a whole example, with an environment of its own.

    Returns:
        The run's folder.

    Raises:
        UsageError: the folder cannot be written or is in use, or what it holds cannot be resumed; an environment's
            actions are not in [-1, 1], or its rewards are not those of ``relabel``.
        FloatingPointError: NaN or Inf was collected or computed.
        SystemExit: after a checkpoint, on one of the signals.
    """
    check_one_process(config)
    if config.resume and already_done(config.resume, config.total_frames):
        _close(env, test_env)
        return config.resume
    prepare(config)
    parts = Parts(
        env=env,
        policy=policy,
        explorer=explorer,
        normalizer=normalizer,
        relabel=relabel,
        buffer=buffer,
        learner=learner,
        on_cycle=on_cycle,
    )
    parts = begun(config, parts)
    evaluation = Evaluation(config, test_env)
    check_actions(env, *evaluation.environments().values())
    rollouts = Rollouts(config, env, explorer)
    check_buffer(buffer, env)
    with closing(rollouts), closing(evaluation):
        return run_to_the_end(config, parts, Replay(parts), evaluation, rollouts, on_evaluate)


def check_one_process(config: RunConfig) -> None:
    """Refuse a run that is meant for a cluster.

    Raises:
        UsageError: naming what says so.
    """
    if config.ray:
        raise UsageError(f"ray is {config.ray!r:.80}, and this recipe trains in one process; leave it out.")
    if config.actors > 1:
        raise UsageError(f"actors is {config.actors} without a cluster; add --ray local, or the address of one.")


def prepare(config: RunConfig) -> None:
    """What a run needs before anything is made: the packages for films, if it has any, and its number of threads.

    Raises:
        UsageError: a package is missing.
    """
    if config.video:
        check_film()
        check_film_logger(config.logger)
    use_threads(config.num_threads)


def run_to_the_end(
    config: RunConfig,
    parts: Parts,
    replay: Replay | RemoteReplay,
    evaluation: Evaluation | RemoteEvaluation,
    rollouts: Rollouts | RemoteRollouts,
    on_evaluate: OnEvaluate,
) -> Path:
    """Hold or create the run's folder, train, draw the curve, and return the folder."""
    with run_folder(config) as folder:
        run = Run(config, folder, parts, replay, evaluation, rollouts, on_evaluate)
        with closing(run.progress), noted_signals() as signals, pausable():
            run.go(signals)
        curve = draw_curves([folder], folder / "curve.png")
        if not config.quiet:
            say(f"{summary_table([folder])}\n{curve}")
    return folder


def _close(*envs: EnvBase | None) -> None:
    for env in envs:
        if env is not None:
            env.close()


def finished(folder: Path, frames: int) -> bool:
    """Whether a run has its last checkpoint and, written after it, its last row."""
    saved = saved_checkpoints(folder)
    rows = folder / "progress.csv"
    if not saved or int(saved[-1].name) < frames or not rows.exists():
        return False
    return max((row["frames"] for row in read_progress(rows)), default=0) >= frames


def already_done(folder: Path, frames: int) -> bool:
    """Whether a run is :func:`finished`; then it says so."""
    done = finished(folder, frames)
    if done:
        say(f"{folder} has its {frames:,} frames already.")
    return done


def check_buffer(buffer: TensorDictReplayBuffer, env: EnvBase) -> None:
    """Refuse a buffer that the memory cannot hold, before anything is collected; one on a disk or a GPU passes.

    Raises:
        UsageError: it is too large.
    """
    storage = buffer.storage
    if not isinstance(storage, LazyMemmapStorage) and str(storage.device) == "cpu":
        step = env.fake_tensordict().select(*TRANSITION)
        check_memory(storage.max_size, step.bytes() // step.numel())
