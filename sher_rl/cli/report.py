"""``python -m sher_rl.report``: a table and curves of runs, and the page with the paper's figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from sher_rl.cli.errors import exit_with_sentence
from sher_rl.errors import UsageError
from sher_rl.output import say
from sher_rl.report import LEVEL, draw_curves, summary_table, write_paper


@dataclass(frozen=True)
class Args:
    """Print a table of runs and draw their curves."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Run folders or csv files."""
    out: Path = Path("curve.png")
    """Where the picture goes."""
    level: float = LEVEL
    """Success rate whose first time is listed."""
    paper: Path | None = None
    """Folder for report.md: the paper's figures and Table 1 of these runs, called like fetch_push-sher-s0.csv."""


def main(args: Args) -> None:
    """Print the table and draw the picture."""
    if not args.runs:
        raise UsageError("runs is empty; give run folders or csv files, such as runs/RUN.")
    curve = draw_curves(args.runs, args.out)
    say(f"{summary_table(args.runs, args.level)}\n{curve}")
    if args.paper:
        say(write_paper(args.runs, args.paper, args.level))


def run() -> None:
    """Read the command line; wrong input ends the process with one sentence."""
    exit_with_sentence(lambda: main(tyro.cli(Args)))
