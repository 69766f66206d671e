"""Entry point of ``python -m sher_rl.play``; the code is in :mod:`sher_rl.cli.play`."""

from sher_rl.cli.play import run

if __name__ == "__main__":
    run()
