"""Entry point of ``python -m sher_rl``; the code is in :mod:`sher_rl.cli.main`."""

from sher_rl.cli.main import run

if __name__ == "__main__":
    run()
