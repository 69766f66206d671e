"""``python -m sher_rl.report``: a table and curves of runs, and the page with the paper's figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from sher_rl.cli.errors import exit_with_sentence
from sher_rl.errors import UsageError
from sher_rl.output import say
from sher_rl.report import LEVEL, draw_groups, group_table, read_groups, write_paper
from sher_rl.report.curves import Summary
from sher_rl.report.statistics import iqm_interval, mean_std

BANDS: dict[str, tuple[Summary, str]] = {
    "std": (mean_std, "mean ± standard deviation over seeds"),
    "iqm": (iqm_interval, "interquartile mean, 95% interval"),
}
"""What lines and bands can be, and how the picture says it."""


@dataclass(frozen=True)
class Args:
    """Print a table of runs and draw their curves; runs that differ in their seed only are one row and one line."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Run folders or csv files, of any tasks, own ones too."""
    out: Path = Path("curve.png")
    """Where the picture goes."""
    level: float = LEVEL
    """Success rate whose second evaluation in a row is listed."""
    band: Literal["std", "iqm"] = "std"
    """Lines and bands: mean and standard deviation, or interquartile mean and its 95% bootstrap interval."""
    paper: Path | None = None
    """Folder for report.md: the paper's figures and Table 1 of these runs, called like fetch_push-sher-s0.csv."""
    film: Path | None = None
    """A GIF of a trained policy, called by its task, that report.md shows."""


def main(args: Args) -> None:
    """Print the table and draw the picture."""
    if not args.runs:
        raise UsageError("runs is empty; give run folders or csv files, such as runs/RUN.")
    say(report(args.runs, args.out, args.level, args.band))
    if args.paper:
        say(write_paper(args.runs, args.paper, args.level, args.film))


def report(runs: Sequence[Path], out: Path, level: float = LEVEL, band: str = "std") -> str:
    """Draw the picture; returns the table, and where the picture is."""
    groups = read_groups(runs)
    curve = draw_groups(groups, out, *BANDS[band])
    return f"{group_table(groups, level)}\n{curve}"


def run() -> None:
    """Read the command line; wrong input ends the process with one sentence."""
    exit_with_sentence(lambda: main(tyro.cli(Args)))
