"""The pictures of these pages, by the code they show: ``make pictures``.

python docs/make_pictures.py curve alpha  # from docs/results and docs/experiments/tuning; needs the extra plot
python docs/make_pictures.py bar frame    # trains FetchReach first, and films it: the extra video, and EGL or OSMesa
"""

import argparse
import fcntl
import html
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
RECIPE = DOCS.parent / "recipes" / "sher_fetch_reach.py"
COLUMNS = 118
ALPHA_RUNS = {
    "FetchPush, γ = 0.96, seed 1": {
        "α = 0.02": "push-g96-s1",
        "α = 0.04": "push-g96-a04-s1",
        "α = 0.06": "push-g96-a06-s1",
        "α = 0.1": "push-g96-a1-s1",
        "learned": "push-auto-g96-s1",
    },
    "FetchPickAndPlace, seed 0": {
        "α = 0.02, γ = 0.95": "pick-g95-s0",
        "α = 0.04, γ = 0.95": "pick-g95-a04-s0",
        "α = 0.06, γ = 0.96": "pick-g96-a06-s0",
        "learned, γ = 0.95": "pick-auto-g95-s0",
    },
}
STYLES = ("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", "-."), ("#CC79A7", ":"), ("#000000", (0, (5, 1)))


def terminal_of(command: list[str]) -> str:
    """Run a command on a terminal of its own; what it wrote, control characters included."""
    primary, secondary = pty.openpty()
    fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    process = subprocess.Popen(command, stdin=secondary, stdout=secondary, stderr=secondary)
    os.close(secondary)
    written = b""
    try:
        while part := os.read(primary, 65536):
            written += part
    except OSError:  # how Linux says that the other end was closed
        pass
    if process.wait():
        raise SystemExit(f"{command} failed:\n{written.decode()}")
    return written.decode()


def screen(text: str) -> list[str]:
    """Lines as a terminal leaves them: a carriage return goes back to the start, and what follows overwrites."""
    lines = []
    for line in re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).replace("\r\n", "\n").split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines += [shown[i : i + COLUMNS].rstrip() for i in range(0, max(len(shown), 1), COLUMNS)]
    return lines


def draw_terminal(lines: list[str], path: Path) -> None:
    """Write lines of a terminal as an SVG."""
    height = 20 * len(lines) + 24
    rows = "".join(
        f'<text x="14" y="{28 + 20 * i}" xml:space="preserve">{html.escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    style = 'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13.5" fill="#e6e6e6"'
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {8.5 * COLUMNS:.0f} {height}">'
        f'<rect width="100%" height="100%" rx="8" fill="#1e1e1e"/><g {style}>{rows}</g></svg>\n'
    )


def train_reach(folder: Path) -> str:
    """Train FetchReach by its recipe into ``folder/run``; returns what the terminal got."""
    flags = ["--out-dir", str(folder), "--run-name", "run"]
    return terminal_of([sys.executable, str(RECIPE), *flags])


def bar(output: str, folder: Path) -> None:
    """The bar while the run is at half its frames, and the screen at its end."""
    halfway = next(part for part in re.split(r"[\r\n]", output) if "5.20k/10.0k" in part)
    end = [line.replace(f"{folder}/", "runs/") for line in screen(output)]
    command = [f"$ python {RECIPE.relative_to(DOCS.parent)}"]
    draw_terminal([*command, halfway.rstrip(), "...", *end[:-1]], DOCS / "bar.svg")


def film_strip(policy: list[str], moments: Sequence[int], box: tuple[int, int, int, int], path: Path) -> None:
    """Frames of the first test episode, filmed by ``sher_rl.play``, cropped to a box and put side by side."""
    from imageio import v2 as imageio  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as name:
        video = f"{name}/episode.mp4"
        command = [sys.executable, "-m", "sher_rl.play", *policy, "--episodes", "1", "--video", video]
        subprocess.run(command, check=True)
        frames = imageio.mimread(video, memtest=False)
    pictures = [Image.fromarray(frames[moment]).crop(box) for moment in moments]
    width, height = pictures[0].size
    together = Image.new("RGB", (width * len(pictures), height))
    for i, picture in enumerate(pictures):
        together.paste(picture, (width * i, 0))
    together.quantize(128).save(path, optimize=True)


def frame(run: Path) -> None:
    """The first and the last frame of a FetchReach episode."""
    film_strip([str(run)], (0, -1), (60, 80, 380, 400), DOCS / "fetch_reach.png")


def curve() -> None:
    """Test success of runs in docs/results: SHER on FetchPush, SHER and HER on HandManipulateEgg."""
    from sher_rl.report import draw_groups, read_groups  # noqa: PLC0415
    from sher_rl.report.statistics import mean_std  # noqa: PLC0415

    for name, runs in {"fetch_push": "fetch_push-sher-s*.csv", "hand_egg": "hand_egg-*-s*.csv"}.items():
        groups = read_groups(sorted((DOCS / "results").glob(runs)))
        print(draw_groups(groups, DOCS / f"{name}.png", mean_std, "mean ± standard deviation"))


def alpha() -> None:
    """Test success at several temperatures, of runs in docs/experiments/tuning, and how the learned one falls."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(12, 4), layout="constrained")
    panels = figure.subplots(1, 3)
    for axes, (title, runs) in zip(panels, ALPHA_RUNS.items(), strict=False):
        for (name, run), (colour, dashes) in zip(runs.items(), STYLES, strict=False):
            draw_run(axes, run, "test_success", color=colour, linestyle=dashes, label=name)
        axes.set(title=title, xlabel="environment steps", ylabel="test success rate", ylim=(-0.03, 1.03))
    for runs, (colour, dashes) in zip(ALPHA_RUNS.values(), STYLES, strict=False):
        run = list(runs.values())[-1]
        draw_run(panels[-1], run, "alpha", color=colour, linestyle=dashes, label=run.split("-")[0].title())
    panels[-1].set(title="learned α", xlabel="environment steps", ylabel="α", yscale="log")
    for axes in panels:
        axes.legend(frameon=False, fontsize=8)
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.locator_params(axis="x", nbins=4)
    figure.savefig(DOCS / "choosing_alpha.png", dpi=110)


def draw_run(axes: Any, run: str, column: str, **style: Any) -> None:
    """Draw a column of a run in docs/experiments/tuning over environment steps."""
    from sher_rl.report.progress_csv import read_progress  # noqa: PLC0415

    rows = read_progress(DOCS / "experiments" / "tuning" / f"{run}.csv")
    axes.plot([row["frames"] for row in rows], [row[column] for row in rows], linewidth=2, **style)


def main(pictures: list[str]) -> None:
    """Make the pictures that are named."""
    if "curve" in pictures:
        curve()
    if "alpha" in pictures:
        alpha()
    if {"bar", "frame"} & set(pictures):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            output = train_reach(folder)
            if "bar" in pictures:
                bar(output, folder)
            if "frame" in pictures:
                frame(folder / "run")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="*", metavar="bar|curve|alpha|frame", help="all by default")
    main(parser.parse_args().pictures or ["bar", "curve", "alpha", "frame"])
