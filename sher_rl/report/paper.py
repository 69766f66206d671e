"""The paper's Figures 4 and 5 and its Table 1 from csv files, as one Markdown page with pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sher_rl.files import replace_file
from sher_rl.report.ablation import ADDED, ablation_table
from sher_rl.report.claims import LEARNED, SIMILAR
from sher_rl.report.claims_section import claims_section
from sher_rl.report.curves import draw_tasks, draw_temperatures
from sher_rl.report.runs import METHODS, SEEDS, Run, read_runs, select
from sher_rl.report.statistics import iqm_interval, mean_std
from sher_rl.report.tables import LEVEL, delta_table, machine_list, missing_list, success_table
from sher_rl.untrusted import shown

FIGURE_5_TASK = "fetch_slide"
ABLATION_TASKS = ("fetch_push", "hand_egg")
ALPHAS = (0.03, 0.05, 0.1)
VARIANTS = {f"sher-a{alpha}": f"α = {alpha}" for alpha in ALPHAS}
RANKED = {f"sher-a{alpha}": f"α = {alpha}" for alpha in (0.05, 0.03, 0.1)}
"""The temperatures of Figure 5 in the order in which the paper found them, the best first."""
_PAGE = Path(__file__).with_name("paper.md")


def write_paper(paths: Sequence[Path], folder: Path, level: float = LEVEL, film: Path | None = None) -> str:
    """Write ``report.md`` and its pictures into ``folder``; returns what was written, or why a picture was not.

    Args:
        paths: run folders or csv files, called like ``fetch_push-sher-s0.csv``.
        folder: made if it is not there.
        level: success rate whose second evaluation in a row is listed.
        film: a GIF of a trained policy, called by its task (``FetchPush.gif``), that the page shows.

    Raises:
        UsageError: a run's name does not tell what it is of, or it has no row.
    """
    runs = read_runs(paths)
    methods = _only(runs, METHODS)
    alphas = _only(runs, VARIANTS)
    added = _only(runs, ADDED)
    folder.mkdir(parents=True, exist_ok=True)
    notes = [
        draw_tasks(methods, folder / "figure4.png", mean_std, "mean and standard deviation over seeds"),
        draw_tasks(methods, folder / "figure4-iqm.png", iqm_interval, "interquartile mean, 95% bootstrap interval"),
        draw_temperatures(alphas, VARIANTS, folder / "figure5.png", mean_std, FIGURE_5_TASK),
    ]
    page = _PAGE.read_text("utf-8").format(
        count=len(methods) + len(alphas) + len(added),
        level=level,
        seeds=SEEDS,
        learned=LEARNED,
        similar=SIMILAR,
        claims=claims_section(methods, {name: select(alphas, FIGURE_5_TASK, key) for key, name in RANKED.items()}),
        machines=machine_list(methods),
        film=_film(film, folder),
        success=success_table(methods, level),
        delta=delta_table(methods),
        ablation=ablation_table(runs),
        missing=missing_list(methods, METHODS),
        missing5=missing_list(alphas, VARIANTS, [FIGURE_5_TASK]),
        missing_ablation=missing_list(added, ADDED, ABLATION_TASKS),
    )
    replace_file(folder / "report.md", page.encode())
    return "\n".join([*notes, f"report: {folder / 'report.md'}"])


def _film(film: Path | None, folder: Path) -> str:
    """A picture that moves, by its place relative to the page."""
    if film is None:
        return ""
    name = shown(film.stem)
    return f"![A trained policy of {name}, test episodes one after the other]({os.path.relpath(film, folder)})\n"


def _only(runs: Sequence[Run], variants: dict[str, str]) -> list[Run]:
    return [run for run in runs if run.variant in variants]
