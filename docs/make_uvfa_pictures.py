"""The pictures of docs/uvfa.md from docs/experiments/uvfa; needs the extra plot.

python docs/make_uvfa_pictures.py
"""

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sher_rl.report.progress_csv import read_progress

DOCS = Path(__file__).parent
RUNS = DOCS / "experiments" / "uvfa"
Line = tuple[str, str, str, str, str]
BY_RANK: list[Line] = [
    ("factors", "seen", "table of the rank itself", "#000000", ":"),
    ("rank", "seen", "φ · ψ, goals seen", "#0072B2", "-"),
    ("rank", "unseen", "φ · ψ, goals not seen", "#D55E00", "--"),
]
"""What, which goals, legend, colour and dashes."""
BY_STEPS: list[Line] = [
    ("two-stage", "seen", "two stages, goals seen", "#0072B2", "-"),
    ("two-stage", "unseen", "two stages, not seen", "#D55E00", "--"),
    ("end-to-end", "seen", "end to end, goals seen", "#009E73", "-."),
    ("end-to-end", "unseen", "end to end, not seen", "#CC79A7", ":"),
]
CRITICS = {"concat": "#000000", "bilinear": "#0072B2", "merged": "#009E73", "two-stream": "#D55E00"}
MILLISECONDS = {"concat": 5.5, "bilinear": 10.1, "merged": 10.4, "two-stream": 9.4}
"""Of an update, from benchmarks/suite/test_critics.py: the runs' own seconds had other work beside them."""


def lava() -> None:
    """Policy quality by rank and by gradient steps: mean over the seeds, and from the least to the most."""
    with (RUNS / "lava_world.csv").open() as file:
        rows = list(csv.DictReader(file))
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, lines, column in ((left, BY_RANK, "rank"), (right, BY_STEPS, "steps")):
        for line in lines:
            draw_quality(axes, rows, line, column)
        axes.set(ylabel="policy quality", ylim=(-0.03, 1.03))
        axes.legend(frameon=False)
    left.set(title="two-stage training, 1,500 steps", xlabel="rank, size of φ and ψ")
    right.set(title="rank 20", xlabel="gradient steps")
    figure.savefig(DOCS / "uvfa_lava_world.png", dpi=110)


def draw_quality(axes: Axes, rows: list[dict[str, str]], line: Line, column: str) -> None:
    """Draw one line, over ``rank`` or ``steps``."""
    what, goals, label, colour, dashes = line
    values: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        if row["what"] == what:
            values[int(row[column])].append(float(row[goals]))
    means = [sum(each) / len(each) for each in values.values()]
    axes.plot(list(values), means, color=colour, linestyle=dashes, linewidth=2, label=label)
    lowest = [min(each) for each in values.values()]
    highest = [max(each) for each in values.values()]
    axes.fill_between(list(values), lowest, highest, color=colour, alpha=0.15, linewidth=0)


def push() -> None:
    """Test success on FetchPush with each critic, by environment steps and by the time of the updates."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    by_steps, by_seconds = figure.subplots(1, 2, sharey=True)
    for critic, colour in CRITICS.items():
        for i, path in enumerate(sorted(RUNS.glob(f"fetch_push-{critic}-s*.csv"))):
            style: dict[str, Any] = {"color": colour, "linewidth": 2, "label": None if i else critic}
            rows = read_progress(path)
            success = [row["test_success"] for row in rows]
            by_steps.plot([row["frames"] for row in rows], success, **style)
            by_seconds.plot([row["updates"] * MILLISECONDS[critic] / 1_000 for row in rows], success, **style)
    by_steps.set(xlabel="environment steps", ylabel="test success rate", ylim=(-0.03, 1.03))
    by_steps.xaxis.set_major_formatter("{x:,.0f}")
    by_seconds.set(xlabel="seconds of updates on one core, as measured alone")
    by_steps.legend(frameon=False)
    figure.savefig(DOCS / "uvfa_fetch_push.png", dpi=110)


if __name__ == "__main__":
    lava()
    push()
