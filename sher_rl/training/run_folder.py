"""The folder of a run."""

from __future__ import annotations

import json
import time
from pathlib import Path

from sher_rl.checkpoint.versions import versions
from sher_rl.errors import UsageError
from sher_rl.files import new_folder, remove_parts, replace_file
from sher_rl.training.config import RunConfig
from sher_rl.training.config_file import save_config
from sher_rl.training.loggers import check_logger
from sher_rl.untrusted import refuse_links


def make_run_folder(config: RunConfig) -> Path:
    """Create the run's folder with its ``config.json`` and ``versions.json``, or leave nothing.

    Raises:
        UsageError: the folder cannot be written, or something is in it; or the logger's package is missing.
    """
    check_logger(config.logger)
    name = config.run_name or f"{config.task}-{config.method}-s{config.seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = config.out_dir / name
    try:
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"run folder {str(folder)!r} is not empty; choose another --run-name or --out-dir.")
        with new_folder(folder) as part:
            save_config(config, part / "config.json")
            replace_file(part / "versions.json", (json.dumps(versions(), indent=2) + "\n").encode())
    except OSError as error:
        raise UsageError(f"run folder {str(folder)!r} cannot be written ({error.strerror}).") from error
    return folder


def check_run_folder(folder: Path) -> None:
    """Refuse a run that would be written elsewhere, and remove the unfinished files of a killed process from it.

    Raises:
        UsageError: one of its folders is a link.
    """
    refuse_links(folder)
    remove_parts(folder)
