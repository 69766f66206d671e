"""Pictures of test success over environment steps, in colours and dashes that everyone can tell apart."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sher_rl.files import replace_file
from sher_rl.report.common import common_end
from sher_rl.report.groups import Group
from sher_rl.report.runs import METHODS, TITLES, Run, label, read_rows, select
from sher_rl.report.statistics import Array, curve

Summary = Callable[[Array], tuple[Array, Array, Array]]
"""From values ``(runs, e)`` to a line and the ends of the band around it, each ``(e,)``."""
MOST_COLUMNS = 4
"""Panels beside each other in Figure 4."""
_STYLES: tuple[tuple[str, Any], ...] = (("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", "-."), ("#CC79A7", ":"))
"""Colours of Okabe and Ito, each with dashes of its own."""
NO_MATPLOTLIB = "no curve: matplotlib is not installed; run pip install matplotlib"


def draw_curves(runs: Sequence[Path], path: Path) -> str:
    """Draw test success over frames, a line per run, into ``path``; returns where it is, or why it is not."""
    figure = _figure(6.4, 4)
    if figure is None:
        return NO_MATPLOTLIB
    axes = figure.add_subplot(xlabel="environment steps", ylabel="test success rate", ylim=(-0.03, 1.03))
    for run in runs:
        rows = read_rows(run)
        axes.plot([row["frames"] for row in rows], [row["test_success"] for row in rows], marker=".", label=label(run))
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    _save(figure, path, 150)
    return f"curve: {path}"


def draw_groups(groups: Sequence[Group], path: Path, summary: Summary, caption: str) -> str:
    """Draw test success over frames, a panel for each task and a line with its band for each group of seeds."""
    titles = list(dict.fromkeys(group.title for group in groups))
    columns = min(len(titles), 3)
    rows = math.ceil(len(titles) / columns)
    figure = _figure(2 + 4.6 * columns, 0.4 + 3.8 * rows)
    if figure is None:
        return NO_MATPLOTLIB
    for i, title in enumerate(titles):
        axes = figure.add_subplot(rows, columns, i + 1, title=title)
        own = [group for group in groups if group.title == title]
        for group, (colour, dashes) in zip(own, _styles(), strict=False):
            _line(axes, group.runs, summary, colour, dashes, f"{group.name} (n = {len(group.runs)})")
        _tidy(axes)
        axes.legend(frameon=False, fontsize=8)
    figure.supxlabel("environment steps", fontsize=10)
    figure.supylabel(f"test success rate ({caption})", fontsize=10)
    _save(figure, path, 150)
    return f"curve: {path}"


def draw_tasks(runs: Sequence[Run], path: Path, summary: Summary, caption: str) -> str:
    """Draw the paper's Figure 4, a panel for each task that was run and a line for each method."""
    tasks = [task for task in TITLES if any(run.task == task for run in runs)]
    rows = 1 if len(tasks) <= MOST_COLUMNS else 2
    columns = max(math.ceil(len(tasks) / rows), 1)
    figure = _figure(1.2 + 3.1 * columns, 1 + 2.9 * rows)
    if figure is None:
        return NO_MATPLOTLIB
    for i, task in enumerate(tasks):
        _panel(figure.add_subplot(rows, columns, i + 1), runs, task, METHODS, summary)
    _finish(figure, path, METHODS, caption)
    return f"curve: {path}"


def draw_temperatures(runs: Sequence[Run], variants: Mapping[str, str], path: Path, summary: Summary, task: str) -> str:
    """Draw the paper's Figure 5, a line for each temperature; ``variants`` names them."""
    figure = _figure(6.4, 4.6)
    if figure is None:
        return NO_MATPLOTLIB
    _panel(figure.add_subplot(), runs, task, variants, summary)
    _finish(figure, path, variants, "mean and standard deviation over seeds")
    return f"curve: {path}"


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        return None
    return Figure(figsize=(width, height), layout="constrained")


def _panel(axes: Any, runs: Sequence[Run], task: str, variants: Mapping[str, str], summary: Summary) -> None:
    """Draw a line for each variant that was run; above the panel stands the task, and how many seeds each line has."""
    counts = []
    for (variant, name), (colour, dashes) in zip(variants.items(), _STYLES, strict=False):
        if own := select(runs, task, variant):
            counts.append(f"{name}: n = {len(own)}")
            _line(axes, own, summary, colour, dashes, name)
            _longer(axes, own, colour, dashes)
    _tidy(axes)
    axes.set_title(", ".join(counts) or "no run", fontsize=8)
    axes.annotate(TITLES[task], (0.5, 1), (0, 18), "axes fraction", "offset points", ha="center", fontsize=12)


def _longer(axes: Any, runs: Sequence[Run], colour: str, dashes: Any) -> None:
    """Draw what a seed has beyond the steps of the shortest, each as a thin line of its own."""
    for run in runs:
        rows = [row for row in run.rows if row["frames"] >= common_end(runs)]
        if len(rows) > 1:
            steps, values = ([row[column] for row in rows] for column in ("frames", "test_success"))
            axes.plot(steps, values, color=colour, linestyle=dashes, linewidth=0.8)


def _styles() -> Iterator[tuple[str, Any]]:
    """Colours and dashes of as many lines as there are: all colours with dashes of their own, then with the next."""
    for turn in itertools.count():
        for i, (colour, _) in enumerate(_STYLES):
            yield colour, _STYLES[(i + turn) % len(_STYLES)][1]


def _line(axes: Any, runs: Sequence[Run], summary: Summary, colour: str, dashes: Any, name: str) -> None:
    """Draw what runs of several seeds have in common, and its band."""
    frames, values = curve(runs)
    line, low, high = summary(values)
    axes.plot(frames, line, color=colour, linestyle=dashes, linewidth=2, marker=".", label=name)
    axes.fill_between(frames, low, high, color=colour, alpha=0.2, linewidth=0)


def _tidy(axes: Any) -> None:
    axes.set(ylim=(-0.03, 1.03), xlim=(0, None))
    axes.xaxis.set_major_formatter(_short)
    axes.tick_params(labelsize=8)
    axes.locator_params(axis="x", nbins=4)
    axes.grid(alpha=0.3)


def _short(steps: float, _: int) -> str:
    """Steps as a mark of an axis shows them: ``500k``, ``2.5M``."""
    if steps >= 1e6:
        return f"{steps / 1e6:g}M"
    return f"{steps / 1e3:g}k" if steps >= 1e3 else f"{steps:g}"


def _finish(figure: Any, path: Path, variants: Mapping[str, str], caption: str) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415

    lines = [Line2D([], [], color=colour, linestyle=dashes, linewidth=2) for colour, dashes in _STYLES]
    names = list(variants.values())
    figure.legend(
        lines[: len(names)], names, loc="outside upper center", ncols=len(names), frameon=False, title=caption
    )
    figure.supxlabel("environment steps", fontsize=10)
    figure.supylabel("test success rate", fontsize=10)
    _save(figure, path, 130)


def _save(figure: Any, path: Path, dpi: int) -> None:
    picture = io.BytesIO()
    figure.savefig(picture, dpi=dpi, format=path.suffix[1:] or "png")
    replace_file(path, picture.getvalue())
