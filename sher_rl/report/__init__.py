"""Tables and curves of runs, from their csv files alone: ``python -m sher_rl.report RUN...``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sher_rl.errors import UsageError
from sher_rl.functional import delta_s
from sher_rl.progress import read_progress

LEVEL = 0.95


def summary_table(runs: Sequence[Path], level: float = LEVEL) -> str:
    """Markdown table with a row per run: its length, last and best success, when ``level`` was reached, δS."""
    head = f"| run | frames | minutes | train | test | best | frames to {level:g} | seconds to {level:g} | mean δS |"
    return "\n".join([head, "|---|" + "---:|" * 8, *(_summary(run, level) for run in runs)])


def _summary(run: Path, level: float) -> str:
    rows = _rows(run)
    last = rows[-1]
    reached = next((row for row in rows if row["test_success"] >= level), None)
    gaps = [delta_s(row["train_success"], row["test_success"]) for row in rows]
    cells = (
        _label(run),
        f"{last['frames']:,.0f}",
        f"{last['seconds'] / 60:.1f}",
        f"{last['train_success']:.2f}",
        f"{last['test_success']:.2f}",
        f"{max(row['test_success'] for row in rows):.2f}",
        f"{reached['frames']:,.0f}" if reached else "not reached",
        f"{reached['seconds']:.0f}" if reached else "not reached",
        f"{sum(gaps) / len(gaps):.3f}",
    )
    return f"| {' | '.join(cells)} |"


def draw_curves(runs: Sequence[Path], path: Path) -> str:
    """Draw test success over frames, a line per run, into ``path``; returns where it is, or why it is not."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        return "no curve: matplotlib is not installed; pip install 'sher-rl[plot]'"
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="environment steps", ylabel="test success rate", ylim=(-0.03, 1.03))
    for run in runs:
        rows = _rows(run)
        axes.plot(
            [row["frames"] for row in rows],
            [row["test_success"] for row in rows],
            marker=".",
            label=_label(run),
        )
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
    return f"curve: {path}"


def _label(run: Path) -> str:
    return run.name if run.is_dir() else run.stem


def _rows(run: Path) -> list[dict[str, float]]:
    rows = read_progress(run / "progress.csv" if run.is_dir() else run)
    if not rows:
        raise UsageError(f"{str(run)!r} has no evaluation yet.")
    return rows
