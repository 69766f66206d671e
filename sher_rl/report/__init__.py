"""Tables and curves of runs, from their csv files alone: ``python -m sher_rl.report RUN...``."""

from sher_rl.report.curves import draw_curves
from sher_rl.report.paper import write_paper
from sher_rl.report.tables import LEVEL, summary_table

__all__ = ["LEVEL", "draw_curves", "summary_table", "write_paper"]
