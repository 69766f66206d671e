"""Pictures of test success over environment steps, in colours and dashes that everyone can tell apart."""

from __future__ import annotations

import io
import itertools
import math
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sher_rl.files import replace_file
from sher_rl.report.groups import Group
from sher_rl.report.runs import METHODS, TITLES, Run, gaps, label, read_rows, select
from sher_rl.report.statistics import Array, curve

Summary = Callable[[Array], tuple[Array, Array, Array]]
"""From values ``(runs, e)`` to a line and the ends of the band around it, each ``(e,)``."""
_STYLES: tuple[tuple[str, Any], ...] = (("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", "-."), ("#CC79A7", ":"))
"""Colours of Okabe and Ito, each with dashes of its own."""
NOTE_COLUMNS = 34
"""Letters that a panel of Figure 4 is wide."""
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
    """Draw the paper's Figure 4, a panel for each task and a line for each method; what is missing is said there."""
    figure = _figure(12, 6.4)
    if figure is None:
        return NO_MATPLOTLIB
    for i, (task, title) in enumerate(TITLES.items()):
        axes = figure.add_subplot(2, 4, i + 1, title=title)
        _panel(axes, runs, task, METHODS, summary)
    _finish(figure, path, METHODS, caption)
    return f"curve: {path}"


def draw_temperatures(runs: Sequence[Run], variants: Mapping[str, str], path: Path, summary: Summary, task: str) -> str:
    """Draw the paper's Figure 5, a line for each temperature; ``variants`` names them."""
    figure = _figure(6.4, 4.4)
    if figure is None:
        return NO_MATPLOTLIB
    _panel(figure.add_subplot(title=TITLES[task]), runs, task, variants, summary)
    _finish(figure, path, variants, "mean and standard deviation over seeds")
    return f"curve: {path}"


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        return None
    return Figure(figsize=(width, height), layout="constrained")


def _panel(axes: Any, runs: Sequence[Run], task: str, variants: Mapping[str, str], summary: Summary) -> None:
    notes = []
    for (variant, name), (colour, dashes) in zip(variants.items(), _STYLES, strict=False):
        notes += [textwrap.fill(f"{name}: {words}", NOTE_COLUMNS) for words in gaps(runs, task, variant)]
        if own := select(runs, task, variant):
            _line(axes, own, summary, colour, dashes, name)
    _tidy(axes)
    axes.text(0.03, 0.97, "\n".join(notes), transform=axes.transAxes, va="top", fontsize=8, style="italic")


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
    axes.xaxis.set_major_formatter("{x:,.0f}" if axes.lines else "")
    axes.tick_params(labelsize=8)
    axes.locator_params(axis="x", nbins=4)
    axes.grid(alpha=0.3)


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
