"""Samplers sized for a run, each with what training calls between rounds of updates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torchrl.data import PrioritizedSampler, RandomSampler
from torchrl.data.replay_buffers import Sampler

from sher_rl.replay.relabel import HindsightRelabel
from sher_rl.samplers.cher import CHERSampler
from sher_rl.samplers.density import CDPSampler, DensitySampler, MEPSampler
from sher_rl.samplers.energy import EBPSampler
from sher_rl.training.config import Config
from sher_rl.training.memory import check_memory

OnCycle = Callable[[int], object]
"""Called with the frames so far after each round of updates."""
MAX_POOL = 256
"""Goals in a pool of CHER, at most: its cost grows with their square."""


@runtime_checkable
class Stateful(Protocol):
    """What a checkpoint saves and restores."""

    def state_dict(self) -> Mapping[str, Any]:
        """Tensors, numbers, text, and lists and dictionaries of them."""

    def load_state_dict(self, state: Mapping[str, Any]) -> object:
        """Go on from :meth:`state_dict`."""


def nothing(_: object) -> None:
    """Do nothing between rounds, or after an evaluation."""


class Sampling(NamedTuple):
    """A sampler, and what it needs of its buffer and of the loop."""

    sampler: Sampler
    on_cycle: OnCycle = nothing
    """For :func:`~sher_rl.train`."""
    generator: torch.Generator | None = None
    """For the buffer, where its draws would otherwise come from NumPy's global state; None: torch's own."""


def uniform(config: Config, relabel: HindsightRelabel) -> Sampling:
    """Draw every transition alike."""
    return Sampling(RandomSampler())


def prioritized(config: Config, relabel: HindsightRelabel, *, alpha: float, beta: float, eps: float = 1e-6) -> Sampling:
    """Draw transitions by their TD error: prioritised experience replay (PER), arXiv:1511.05952.

    Args:
        config: size of the buffer, frames of the run, seed.
        relabel: not used.
        alpha: exponent of the priorities.
        beta: exponent of the importance weights at the start; it rises linearly to 1 at the end of the run.
        eps: added to each priority.

    Raises:
        UsageError: the memory cannot hold the priorities.
    """
    check_memory(config.buffer_size, 16)  # two trees of two float32 a row
    sampler = PrioritizedSampler(config.buffer_size, alpha=alpha, beta=beta, eps=eps)

    def anneal(frames: int) -> None:
        sampler.beta = beta + (1 - beta) * min(frames / config.total_frames, 1.0)

    return Sampling(sampler, anneal, torch.Generator().manual_seed(config.seed))


def curriculum(config: Config, relabel: HindsightRelabel, *, growth_per_epoch: float) -> Sampling:
    """Keep diverse and, more and more, close goals: :class:`~sher_rl.CHERSampler`, with an evaluation as an epoch.

    Args:
        config: sizes of batches and rounds, and frames between two evaluations.
        relabel: first transform of the buffer.
        growth_per_epoch: relative growth of the weight of proximity in an epoch, spread over its batches.
    """
    pool = _largest_divisor(config.batch_size, MAX_POOL)
    batches_per_frame = config.updates_per_batch * config.batch_size / pool / config.frames_per_batch
    epoch = max(1, round(config.eval_frames * batches_per_frame))
    growth = growth_per_epoch / epoch
    return Sampling(CHERSampler(relabel, batch_size=pool, lambda_growth=growth, lambda_period=epoch))


def energy(config: Config, relabel: HindsightRelabel) -> Sampling:
    """Draw trajectories by their object's energy, with the task's published bound: :class:`~sher_rl.EBPSampler`."""
    return Sampling(EBPSampler.for_task(config.env_id))


def density(config: Config, relabel: HindsightRelabel, *, kind: type[DensitySampler]) -> Sampling:
    """Draw trajectories by how rare their goals are, with a fit after each evaluation.

    Args:
        config: frames of a batch and between two evaluations.
        relabel: first transform of the buffer.
        kind: :class:`~sher_rl.CDPSampler` or :class:`~sher_rl.MEPSampler`.
    """
    sampler = kind(refit_every=1)

    def refit_once_an_epoch(frames: int) -> None:
        if frames % config.eval_frames < config.frames_per_batch:
            sampler.refit(relabel.storage)

    return Sampling(sampler, refit_once_an_epoch)


def make_sampler(config: Config, relabel: HindsightRelabel) -> tuple[Sampler, OnCycle]:
    """Make the sampler that ``config.sampler`` names, with the numbers of its paper's code.

    ``recipes/sher.py`` constructs its sampler itself, with these numbers in sight.

    Args:
        config: the sampler's name; sizes, seed and task, which some take their numbers from.
        relabel: first transform of the buffer that will be sampled, in ``mode="read"``.

    Returns:
        The sampler, and what :func:`~sher_rl.train` calls with the frames so far after each round of updates.
        TorchRL's prioritised sampler draws from NumPy's global state, unless its buffer has a ``generator``.

    Raises:
        UsageError: ``ebp`` for a task without an object.
    """
    makers: dict[str, Callable[[Config, HindsightRelabel], Sampling]] = {
        "uniform": uniform,
        "cher": partial(curriculum, growth_per_epoch=0.205),
        "per": partial(prioritized, alpha=0.6, beta=0.4),
        "ebp": energy,
        "cdp": partial(density, kind=CDPSampler),
        "mep": partial(density, kind=MEPSampler),
    }
    sampling = makers[config.sampler](config, relabel)
    return sampling.sampler, sampling.on_cycle


def _largest_divisor(number: int, most: int) -> int:
    return next(size for size in range(most, 0, -1) if number % size == 0)
