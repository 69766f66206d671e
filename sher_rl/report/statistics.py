"""What runs of several seeds say together: pure functions of csv rows and arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sher_rl.functional.stability import delta_s
from sher_rl.report.runs import Rows, Run

Array = NDArray[np.float64]


def curve(runs: Sequence[Run], column: str = "test_success") -> tuple[Array, Array]:
    """Values of the evaluations that every run has: frames ``(e,)`` and values ``(runs, e)``; nothing is filled in."""
    columns = [{row["frames"]: row[column] for row in run.rows} for run in runs]
    common = sorted(set.intersection(*map(set, columns)))
    return np.array(common), np.array([[values[frames] for frames in common] for values in columns])


def mean_std(values: Array) -> tuple[Array, Array, Array]:
    """Mean over the first axis, and the mean minus and plus the sample standard deviation, which one run has not.

    >>> [float(x[0]) for x in mean_std(np.array([[0.0], [1.0], [0.5]]))]
    [0.5, 0.0, 1.0]
    """
    mean = values.mean(0)
    std = values.std(0, ddof=1) if len(values) > 1 else np.full_like(mean, np.nan)
    return mean, mean - std, mean + std


def iqm(values: Array, axis: int = 0) -> Array:
    """Mean of what is left when the lowest and the highest quarter, rounded down, are dropped.

    The interquartile mean of arXiv:2108.13264; of three values or fewer it is the mean.

    >>> float(iqm(np.array([0.0, 0.4, 0.6, 1.0])))
    0.5
    """
    n = values.shape[axis]
    return np.sort(values, axis).take(range(n // 4, n - n // 4), axis).mean(axis)


def iqm_interval(values: Array, draws: int = 2_000, level: float = 0.95) -> tuple[Array, Array, Array]:
    """:func:`iqm` over the first axis, and the ends of its percentile bootstrap interval; one run has none.

    Runs are drawn with replacement; the draws are the same in each call.

    >>> [round(float(x[0]), 2) for x in iqm_interval(np.array([[0.2], [0.4], [0.6], [0.8]]))]
    [0.5, 0.2, 0.8]
    """
    if len(values) < 2:
        return iqm(values), np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    rows = np.random.default_rng(0).integers(len(values), size=(draws, len(values)))
    low, high = np.quantile(iqm(values[rows], 1), ((1 - level) / 2, (1 + level) / 2), axis=0)
    return iqm(values), low, high


def reached(rows: Rows, level: float) -> dict[str, float] | None:
    """The second of the first two evaluations in a row whose test success is at least ``level``.

    >>> rows = [{"test_success": success} for success in (0.9, 0.5, 0.9, 1.0)]
    >>> reached(rows, 0.9)
    {'test_success': 1.0}
    """
    return next((b for a, b in pairwise(rows) if min(a["test_success"], b["test_success"]) >= level), None)


def sampling_floor(one: float, other: float, n: float, m: float) -> float:
    r"""What :math:`|S_1 - S_2|` is on average if rates of ``n`` and ``m`` episodes estimate one and the same success.

    :math:`\sqrt{\tfrac{2}{\pi}\, p (1 - p) (1/n + 1/m)}` with ``p`` pooled of both rates.

    >>> round(sampling_floor(0.5, 0.5, 1900, 380), 3)
    0.022
    """
    p = (one * n + other * m) / (n + m)
    return math.sqrt(2 / math.pi * max(p * (1 - p), 0) * (1 / n + 1 / m))


class Stability(NamedTuple):
    """Means over the epochs of a run; an epoch is what lies between two evaluations. NaN: the csv does not tell."""

    delta_s: float
    """Mean of |training success - test success|, the paper's δS: training explores, and its policy changes."""
    floor: float
    """Mean of :func:`sampling_floor` of the same pairs: what δS is if both have one and the same success."""
    greedy: float
    """Mean of |success on training's goals - test success| of the deterministic policy."""
    greedy_floor: float
    """Mean of :func:`sampling_floor` of the pairs in ``greedy``."""
    change: float
    """Mean change of test success from one evaluation to the next."""


def stability(rows: Rows) -> Stability:
    """δS of one run, and what stands beside it."""
    pairs = [(row["train_success"], row["train_episodes"]) for row in rows]
    greedy = [(row["train_success_greedy"], row["train_greedy_episodes"]) for row in rows]
    tests = [(row["test_success"], row["test_episodes"]) for row in rows]
    changes = [delta_s(b, a) for (a, _), (b, _) in pairwise(tests)]
    return Stability(*_gap(pairs, tests), *_gap(greedy, tests), _mean(changes))


def _gap(pairs: Sequence[tuple[float, float]], tests: Sequence[tuple[float, float]]) -> tuple[float, float]:
    both = [(s, t, n, m) for (s, n), (t, m) in zip(pairs, tests, strict=True) if n > 0]
    return _mean([delta_s(s, t) for s, t, _, _ in both]), _mean([sampling_floor(*each) for each in both])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
