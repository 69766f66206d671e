"""Runs made of a few csv rows."""

from pathlib import Path

from sher_rl.report.progress_csv import COLUMNS
from sher_rl.report.runs import Run


def row(frames: int, train: float = 0.5, test: float = 0.5, **more: float) -> dict[str, float]:
    numbers = {"frames": frames, "seconds": frames / 10, "train_success": train, "test_success": test}
    return dict.fromkeys(COLUMNS, float("nan")) | numbers | {"train_episodes": 40, "test_episodes": 100} | more


def run(task: str, variant: str, seed: int, tests: list[float], **more: float) -> Run:
    return Run(task, variant, seed, [row(100 * (i + 1), test=test, **more) for i, test in enumerate(tests)])


def write(folder: Path, name: str, rows: list[dict[str, float]]) -> Path:
    path = folder / f"{name}.csv"
    lines = [",".join(COLUMNS), *(",".join(str(each[key]) for key in COLUMNS) for each in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path
