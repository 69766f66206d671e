"""The training loop: collect, extend, update, evaluate, log, checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from tensordict import TensorDict
from tensordict.nn import TensorDictModule, TensorDictModuleBase
from torchrl.collectors import Collector
from torchrl.data import PrioritizedSampler, TensorDictReplayBuffer
from torchrl.envs import EnvBase

from sher_rl.checkpoint import RunCheckpoint
from sher_rl.config import RunConfig
from sher_rl.envs import make_env
from sher_rl.evaluation import episode_success, evaluate
from sher_rl.learner import FusedLearner, Learner
from sher_rl.policy import save_policy
from sher_rl.progress import Progress, make_run_folder
from sher_rl.report import draw_curves, summary_table
from sher_rl.transforms import GoalNormalizer, HindsightRelabel

TRANSITION = (
    "observation",
    "achieved_goal",
    "desired_goal",
    "action",
    *(("next", key) for key in ("observation", "achieved_goal", "reward")),
    *(("next", key) for key in ("done", "terminated")),
)
"""What the buffer keeps of a collected step; hindsight sets the next desired goal of a batch."""
_TEST_ENVS = 20


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
    on_cycle: Callable[[int], object] = lambda frames: None,
) -> Path:
    """Train until ``config.total_frames``; see the recipes for how the parts are made.

    Evaluates and writes a row of ``progress.csv`` and ``policy.pt`` every ``config.eval_frames`` frames and at
    the end; a checkpoint every ``config.checkpoint_minutes`` and at the end; then ``curve.png``, if
    matplotlib is installed.

    Args:
        config: the numbers, and where the run folder goes.
        env: training environments, closed at the end.
        policy: deterministic, for evaluations; shares the learner's actor.
        explorer: what collects, from :func:`~sher_rl.make_explorer`.
        normalizer: its statistics follow the relabelled fresh episodes; last transform of ``buffer``.
        relabel: first transform of ``buffer``.
        buffer: what is collected goes in, batches come out.
        learner: takes the gradient steps.
        on_cycle: called with the frames so far after each round of updates; for what samplers do between rounds.

    Returns:
        The run's folder.

    Raises:
        UsageError: the folder cannot be made, or has no checkpoint to resume from.
    """
    test_env = make_env(config.env_id, min(_TEST_ENVS, config.eval_episodes))
    folder = config.resume or make_run_folder(config)
    progress = Progress(folder, config.total_frames)
    checkpoint = RunCheckpoint(
        folder, loss=learner.loss, learner=learner, normalizer=normalizer, buffer=buffer, progress=progress
    )
    if config.resume:
        checkpoint.restore()
        env.set_seed(config.train_seed + 60_000 + progress.frames % 30_000)  # clear of the test seeds

    next_row, last_save = progress.frames + config.eval_frames, time.monotonic()
    with closing(progress):
        for data in collect(config, env, explorer, start=progress.frames):
            index = buffer.extend(data.select(*TRANSITION).reshape(-1))
            normalizer.update(relabel(buffer.storage.get(index)))
            progress.collected(data.numel(), episode_success(data))
            if len(buffer) == len(index):
                progress.note(f"buffer: {buffer_bytes(buffer) / 1e6:,.0f} MB for {config.buffer_size:,} transitions")
            if progress.frames >= config.random_frames:
                for batch in minibatches(buffer, config.batch_size, config.updates_per_batch):
                    progress.updated(learner.step(batch))
                    buffer.update_tensordict_priority(batch)
                on_cycle(progress.frames)
            progress.show()
            if progress.frames >= min(next_row, config.total_frames):
                next_row += config.eval_frames
                progress.row(evaluate(policy, test_env, episodes=config.eval_episodes, seed=config.test_seed))
                save_policy(folder / "policy.pt", policy, config.env_id)
            if time.monotonic() - last_save > 60 * config.checkpoint_minutes:
                checkpoint.save(progress.frames)
                last_save = time.monotonic()
        checkpoint.save(progress.frames)
    test_env.close()
    print(summary_table([folder]), draw_curves([folder], folder / "curve.png"), sep="\n")
    return folder


def collect(config: RunConfig, env: EnvBase, explorer: TensorDictModuleBase, start: int) -> Iterator[TensorDict]:
    """Yield batches ``[num_envs, time]`` from the exploring policy, from frame ``start`` to the last."""
    if start >= config.total_frames:
        return
    batch = math.ceil(config.frames_per_batch / config.num_envs) * config.num_envs
    collector = Collector(
        env,
        explorer,
        frames_per_batch=batch,
        total_frames=-1,
        init_random_frames=math.ceil(max(config.random_frames - start, 0) / batch) * batch,
        policy_device=config.device,
        env_device="cpu",
        storing_device=config.device,
        auto_register_policy_transforms=False,
    )
    try:
        for data in collector:
            yield data
            start += data.numel()
            if start >= config.total_frames:
                return
    finally:
        collector.shutdown()


def buffer_bytes(buffer: TensorDictReplayBuffer) -> int:
    """Bytes that the buffer takes at its capacity, whatever it holds now."""
    return buffer.storage.get([0]).bytes() * buffer.storage.max_size


def minibatches(buffer: TensorDictReplayBuffer, batch_size: int, count: int) -> Iterator[TensorDict]:
    """Yield ``count`` batches, drawn, relabelled and normalised some 32,000 transitions at a time.

    Where priorities follow each batch, they are drawn one by one.
    """
    together = 1 if isinstance(buffer.sampler, PrioritizedSampler) else max(1, 2**15 // batch_size)
    for done in range(0, count, together):
        yield from buffer.sample(batch_size * min(together, count - done)).split(batch_size)
