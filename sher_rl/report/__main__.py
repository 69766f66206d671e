"""Entry point of ``python -m sher_rl.report``; the code is in :mod:`sher_rl.cli.report`."""

from sher_rl.cli.report import run

if __name__ == "__main__":
    run()
