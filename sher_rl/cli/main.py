"""``sher-rl``: one command for recipes, policies, reports and sweeps; ``python -m sher_rl`` is the same."""

from __future__ import annotations

import sys
from importlib.metadata import version

from sher_rl.cli import play, report, sweep, train
from sher_rl.output import say

COMMANDS = {
    "train": (train.run, "train with a recipe: sher-rl train fetch_reach --seed 1"),
    "play": (play.run, "evaluate, film or record a policy: sher-rl play RUN --video out.mp4"),
    "report": (report.run, "a table and a picture of runs: sher-rl report runs/*"),
    "sweep": (sweep.run, "several values and seeds: sher-rl sweep fetch_reach --alpha 0.01 0.02 --seed 0 1 2"),
}
"""What the first word can be: what it calls, and what it is for."""


def usage() -> str:
    """The commands, a line each."""
    lines = [f"  {name:8}{text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(["usage: sher-rl COMMAND ..., or sher-rl COMMAND --help", "", *lines])


def run() -> None:
    """Call what the first word names, with the rest of the command line.

    Raises:
        SystemExit: with the usage, where it names nothing.
    """
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        say(usage())
    elif name == "--version":
        say(version("sher-rl"))
    elif name in COMMANDS:
        sys.argv = [f"sher-rl {name}", *sys.argv[2:]]
        COMMANDS[name][0]()
    else:
        sys.exit(f"error: {name!r:.80} is no command.\n\n{usage()}")
