"""Tables and curves of runs, from their csv files alone: ``python -m sher_rl.report RUN...``."""

from sher_rl.report.curves import draw_curves, draw_groups
from sher_rl.report.groups import read_groups
from sher_rl.report.paper import write_paper
from sher_rl.report.tables import LEVEL, group_table, summary_table

__all__ = ["LEVEL", "draw_curves", "draw_groups", "group_table", "read_groups", "summary_table", "write_paper"]
