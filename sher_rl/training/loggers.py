"""TorchRL's loggers beside the csv: its rows in TensorBoard, Weights & Biases, MLflow or Trackio as well."""

from __future__ import annotations

import math
import re
import shutil
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchrl.record.loggers import Logger, MLFlowLogger, TensorboardLogger, WandbLogger
from torchrl.record.loggers.trackio import TrackioLogger

from sher_rl.errors import UsageError
from sher_rl.files import replace_file
from sher_rl.training.config import LoggerName, RunConfig
from sher_rl.training.config_file import config_values
from sher_rl.untrusted import read_plain

_PROJECT = "sher-rl"
_PACKAGES = {
    "tensorboard": ("tensorboard",),
    "wandb": ("wandb",),
    "mlflow": ("mlflow", "omegaconf"),
    "trackio": ("trackio",),
}
"""What each logger needs; the extras of pyproject.toml have the same."""
_FILMS = {
    "tensorboard": ("moviepy.editor", "'moviepy<2'"),
    "wandb": ("moviepy", "moviepy"),
}
"""What a logger imports to take films, and what brings it."""
ELSEWHERE = ("wandb", "mlflow", "trackio")
"""Loggers that write outside of the run folder; a file alone does not start one."""


def check_logger(name: LoggerName | None) -> None:
    """Refuse a logger whose package is not installed.

    Raises:
        UsageError: naming what brings it.

    >>> check_logger(None)
    """
    if name and find_spec(name) is None:
        raise UsageError(
            f"logger {name!r} needs the package of that name; run pip install {' '.join(_PACKAGES[name])}."
        )


def check_film_logger(name: LoggerName | None) -> None:
    """Refuse a logger that cannot take films here.

    Raises:
        UsageError: naming what brings it.

    >>> check_film_logger(None)
    """
    module, package = _FILMS.get(name or "", ("", ""))
    if module and not _is_there(module):
        raise UsageError(f"video with logger {name!r} needs {package}; run pip install {package}.")


def _is_there(module: str) -> bool:
    package = module.partition(".")[0]
    return find_spec(package) is not None and find_spec(module) is not None


def open_logger(config: RunConfig, folder: Path) -> Logger | None:
    """Make the run's logger and give it the configuration; None without ``config.logger``.

    TensorBoard's files are in ``folder/tensorboard`` and begin anew, since a run that is resumed logs all its rows
    again; in Weights & Biases and Trackio it goes on with its logged run, in MLflow (``mlflow.db`` beside the run
    folders) it is another run of the same experiment.

    Raises:
        UsageError: its package is not installed.
    """
    check_logger(config.logger)
    if config.logger is None:
        return None
    logger = _OPEN[config.logger](config, folder)
    values = config_values(config).items()
    logger.log_hparams({key: value if isinstance(value, (int, float)) else str(value) for key, value in values})
    return logger


def log_row(logger: Logger, row: Mapping[str, float], prefix: str = "") -> None:
    """Log a row, with names like those of ``progress.csv``, at its number of frames; empty cells are left out."""
    known = {f"{prefix}{name}": value for name, value in row.items() if not math.isnan(value)}
    logger.log_metrics(known, step=int(row["frames"]))


def log_film(logger: Logger, film: Path, frames: int) -> None:
    """Log the film of a test episode at a number of frames of training; MLflow gets the file."""
    if isinstance(logger, MLFlowLogger):
        import mlflow  # noqa: PLC0415

        mlflow.log_artifact(str(film), "videos")
        return
    from imageio import v2 as imageio  # noqa: PLC0415

    reader: Any = imageio.get_reader(film)
    with reader:
        pictures = torch.from_numpy(np.stack(list(reader.iter_data())))  # time, height, width, color
        rate = reader.get_meta_data()["fps"]
    logger.log_video("test_episode", pictures.permute(0, 3, 1, 2).unsqueeze(0), step=frames, fps=rate)


def _tensorboard(config: RunConfig, folder: Path) -> Logger:
    with suppress(FileNotFoundError):
        shutil.rmtree(folder / "tensorboard")  # which refuses a link
    return TensorboardLogger("tensorboard", str(folder))


def _wandb(config: RunConfig, folder: Path) -> Logger:
    return WandbLogger(
        folder.name,
        save_dir=str(folder),
        id=wandb_id(folder / "wandb_id"),
        project=config.logger_project or _PROJECT,
        entity=config.logger_entity,
    )


def wandb_id(file: Path) -> str:
    """The id of a run in Weights & Biases, which a file keeps, or a new one.

    Raises:
        UsageError: the file holds something else.
    """
    try:
        text = read_plain(file).decode("ascii", "replace")
    except FileNotFoundError:
        text = uuid.uuid4().hex
        replace_file(file, text.encode())
    if not re.fullmatch(r"[0-9a-f]{32}", text):
        raise UsageError(f"{str(file)!r} holds no id of a run; delete it to begin another run there.")
    return text


def _mlflow(config: RunConfig, folder: Path) -> Logger:
    return MLFlowLogger(config.logger_project or folder.name, f"sqlite:///{folder.absolute().parent / 'mlflow.db'}")


def _trackio(config: RunConfig, folder: Path) -> Logger:
    return TrackioLogger(folder.name, config.logger_project or _PROJECT)


_OPEN: dict[str, Callable[[RunConfig, Path], Logger]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "mlflow": _mlflow,
    "trackio": _trackio,
}
