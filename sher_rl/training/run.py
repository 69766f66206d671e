"""A run under way: collect, extend, update, evaluate, log, checkpoint."""

from __future__ import annotations

import dataclasses
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sher_rl.checkpoint.run import RunCheckpoint
from sher_rl.errors import UsageError
from sher_rl.modules.critics_file import save_critics
from sher_rl.modules.policy_file import load_policy, save_policy
from sher_rl.objectives.networks import critics_of
from sher_rl.training.checks import check_rewards
from sher_rl.training.config import RunConfig
from sher_rl.training.config_file import default_values, lasting_values, save_config
from sher_rl.training.env_state import why_not_saved
from sher_rl.training.evaluation import Evaluation, pose_columns
from sher_rl.training.film import film
from sher_rl.training.finite import check_finite
from sher_rl.training.loggers import open_logger
from sher_rl.training.parts import Parts
from sher_rl.training.progress import Progress
from sher_rl.training.remote.evaluation import RemoteEvaluation
from sher_rl.training.remote.replay import RemoteReplay
from sher_rl.training.remote.rollouts import RemoteRollouts
from sher_rl.training.replay import Replay
from sher_rl.training.rollouts import Rollouts
from sher_rl.training.samplers import Stateful
from sher_rl.training.successes import episode_success, goal_moves
from sher_rl.training.threads import round_threads
from sher_rl.training.updates import gradient_steps

TRANSITION = (
    "observation",
    "achieved_goal",
    "desired_goal",
    "action",
    *(("next", key) for key in ("observation", "achieved_goal", "reward")),
    *(("next", key) for key in ("done", "terminated")),
)
"""What the buffer keeps of a collected step; hindsight sets the next desired goal of a batch."""
MOVING = (*TRANSITION, ("next", "desired_goal"))
"""What it keeps where goals move."""


class Run:
    """A run under way: its loop, and the steps that the loop is made of."""

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        parts: Parts,
        replay: Replay | RemoteReplay,
        evaluation: Evaluation | RemoteEvaluation,
        rollouts: Rollouts | RemoteRollouts,
        on_evaluate: Callable[[Mapping[str, float]], object],
    ) -> None:
        self.config = config
        self.folder = folder
        self.parts = parts
        self.replay = replay
        self.goal_moves = goal_moves(parts.env)
        self.averaged = AveragedModel(parts.policy, multi_avg_fn=get_ema_multi_avg_fn(config.policy_ema))
        self.evaluation = evaluation
        self.rollouts = rollouts
        self.on_evaluate = on_evaluate
        parts.normalizer.update_on_write = False  # collect gives it relabelled rows
        self.why_not_saved = why_not_saved(parts.env, *evaluation.environments().values())
        if config.resume and self.why_not_saved:
            raise UsageError(f"resume {str(config.resume)!r} cannot go on: {self.why_not_saved}")
        self.progress = Progress(self.folder, config.total_frames, open_logger(config, self.folder), quiet=config.quiet)
        between_rounds: dict[str, Any] = {"on_cycle": parts.on_cycle} if isinstance(parts.on_cycle, Stateful) else {}
        self.checkpoint = RunCheckpoint(
            self.folder,
            lasting_values(config),
            replay.state,
            default_values(config),
            loss=parts.learner.loss,
            learner=parts.learner,
            averaged=self.averaged,
            normalizer=parts.normalizer,
            rollouts=rollouts,
            evaluation=evaluation,
            progress=self.progress,
            **between_rounds,
        )
        if config.resume:
            self._go_on()
        if self.why_not_saved:
            self.progress.warn(f"warning: there will be no checkpoints, and no --resume: {self.why_not_saved}")
        self.threads = round_threads(config, parts.learner)
        self.saved = time.monotonic()

    def _go_on(self) -> None:
        """Go on from the last checkpoint, with as many frames as are asked for now."""
        if not self.checkpoint.restore():
            self.progress.start_over()
        save_config(dataclasses.replace(self.config, resume=None), self.folder / "config.json")

    def go(self, signals: Sequence[signal.Signals]) -> None:
        """Train to the end, or to the first of ``signals``, which leads to a checkpoint.

        Raises:
            SystemExit: there was a signal.
        """
        progress = self.progress
        self.say_how_long()
        while progress.frames < self.config.total_frames and not signals:
            self.collect()
            if progress.frames >= self.config.random_frames:
                self.update()
            progress.end_round()
            if progress.frames >= self.config.eval_frames * (progress.rows + 1):
                self.evaluate()
            if time.monotonic() - self.saved > 60 * self.config.checkpoint_minutes:
                self.save()
        self.save()
        if progress.frames < self.config.total_frames:
            progress.warn(f"stopped by {signals[0].name}; {self.how_to_go_on()}")
            raise SystemExit(128 + signals[0])
        if progress.last_row != progress.frames:  # off the schedule, so not in the checkpoint
            self.evaluate()

    def say_how_long(self) -> None:
        """Say how many frames there will be, where they are not as many as were asked for."""
        asked = self.config.total_frames
        whole = self.rollouts.frames_until(asked)
        if whole != asked:
            batch = self.rollouts.batch
            self.progress.note(f"total_frames {asked:,} becomes {whole:,}, in whole batches of {batch:,} frames")

    def collect(self) -> None:
        """Collect a batch, write it to the buffer, and show the normaliser its relabelled rows."""
        data = next(self.rollouts)
        begin = f"the batch after frame {self.progress.frames:,}"
        check_finite(data, self.folder, "environment {0}, step {1} of " + begin)
        kept = MOVING if self.goal_moves else TRANSITION
        rows = self.replay.write(data.select(*kept))  # [env, time]: each row of it has episodes of its own
        check_finite(rows, self.folder, "row {0}, relabelled, of " + begin)
        if self.progress.frames == 0:
            check_rewards(data, self.parts.relabel.reward_fn)
            size = self.replay.bytes_of_a_row() * self.config.buffer_size / 1e6
            self.progress.note(f"buffer: {size:,.0f} MB for {self.config.buffer_size:,} transitions")
        self.parts.normalizer.update(rows)
        self.progress.collected(data.numel(), episode_success(data, ever=self.goal_moves))

    def update(self) -> None:
        """Take the gradient steps of a round."""
        with self.threads.round():
            for statistics in gradient_steps(self.config, self.replay.buffer, self.parts.learner, self.folder):
                self.progress.updated(statistics)
        self.averaged.update_parameters(self.parts.policy)
        self.replay.on_cycle(self.progress.frames)

    def evaluate(self) -> None:
        """Play test episodes, save the policy with its critics, and write a row."""
        policy = self.averaged.module
        ends = self.evaluation.test(policy)
        train_successes = self.evaluation.train(policy)
        save_policy(self.folder / "policy.pt", policy, self.config.env_id)
        save_critics(self.folder, critics_of(self.parts.learner.loss.state_dict()))
        more = pose_columns(self.config.env_id, ends["achieved_goal"], ends["desired_goal"]) | self.rollouts.columns()
        row = self.progress.row(ends["is_success"].reshape(-1), train_successes, **more)
        if self.config.video:
            self.film()
        self.on_evaluate(row)

    def film(self) -> None:
        """Film the first test episode into ``videos/<frames>.mp4``, and for the logger."""
        policy = load_policy(self.folder / "policy.pt")
        policy.env_id = self.config.env_id  # with its module, which the file has not
        folder = self.folder / "videos"
        folder.mkdir(exist_ok=True)
        path = folder / f"{self.progress.frames}.mp4"
        film(policy, path, episodes=1, seed=self.config.test_seed)
        self.progress.filmed(path)

    def save(self) -> None:
        """Write a checkpoint, if the environments can be saved."""
        if self.why_not_saved:
            return
        self.progress.note(self.checkpoint.save(self.progress.frames))
        self.saved = time.monotonic()

    def how_to_go_on(self) -> str:
        """What to do with a run that was stopped, in words."""
        return "it cannot be resumed" if self.why_not_saved else f"go on with --resume {self.folder}"
