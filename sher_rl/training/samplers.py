"""The samplers of the recipes, with the numbers of their papers' code."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from torchrl.data import PrioritizedSampler, RandomSampler
from torchrl.data.replay_buffers import Sampler

from sher_rl.replay.relabel import HindsightRelabel
from sher_rl.samplers.cher import CHERSampler
from sher_rl.samplers.density import CDPSampler, MEPSampler
from sher_rl.samplers.energy import EBPSampler
from sher_rl.training.config import Config

OnCycle = Callable[[int], object]


def make_sampler(config: Config, relabel: HindsightRelabel) -> tuple[Sampler, OnCycle]:
    """Make the sampler that ``config.sampler`` names, with the numbers of its paper's code. Every SHER recipe calls it.

    Args:
        config: the sampler's name; sizes, seed and task, which some take their numbers from.
        relabel: first transform of the buffer that will be sampled, in ``mode="read"``.

    Returns:
        The sampler, and what :func:`~sher_rl.train` calls with the frames so far after each round of updates.

    Raises:
        UsageError: ``ebp`` for a task without an object.
    """
    return _MAKERS[config.sampler](config, relabel)


def _uniform(config: Config, relabel: HindsightRelabel) -> tuple[Sampler, OnCycle]:
    return RandomSampler(), lambda frames: None


def _per(config: Config, relabel: HindsightRelabel) -> tuple[Sampler, OnCycle]:
    np.random.seed(config.seed)  # TorchRL's sampler draws from NumPy's global state
    sampler = PrioritizedSampler(config.buffer_size, alpha=0.6, beta=0.4, eps=1e-6)

    def anneal(frames: int) -> None:
        sampler.beta = 0.4 + 0.6 * min(frames / config.total_frames, 1.0)

    return sampler, anneal


def _cher(config: Config, relabel: HindsightRelabel) -> tuple[Sampler, OnCycle]:
    pool = next(size for size in range(256, 0, -1) if config.batch_size % size == 0)  # the cost grows with its square
    per_frame = config.updates_per_batch * config.batch_size / pool / config.frames_per_batch
    epoch = max(1, round(config.eval_frames * per_frame))
    return CHERSampler(relabel, batch_size=pool, lambda_growth=0.205 / epoch, lambda_period=epoch), lambda frames: None


def _ebp(config: Config, relabel: HindsightRelabel) -> tuple[Sampler, OnCycle]:
    return EBPSampler.for_task(config.env_id), lambda frames: None


def _density(
    kind: type[CDPSampler] | type[MEPSampler], config: Config, relabel: HindsightRelabel
) -> tuple[Sampler, OnCycle]:
    sampler = kind(refit_every=1)

    def refit_once_an_epoch(frames: int) -> None:
        if frames % config.eval_frames < config.frames_per_batch:
            sampler.refit(relabel.storage)

    return sampler, refit_once_an_epoch


_MAKERS: dict[str, Callable[[Config, HindsightRelabel], tuple[Sampler, OnCycle]]] = {
    "uniform": _uniform,
    "cher": _cher,
    "per": _per,
    "ebp": _ebp,
    "cdp": partial(_density, CDPSampler),
    "mep": partial(_density, MEPSampler),
}
