"""The folder of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sher_rl.checkpoint.versions import versions
from sher_rl.errors import UsageError
from sher_rl.files import new_folder, remove_parts, replace_file
from sher_rl.training.config import RunConfig
from sher_rl.training.config_file import save_config
from sher_rl.training.lock import run_lock
from sher_rl.training.loggers import check_logger
from sher_rl.training.run_name import run_name, timed
from sher_rl.untrusted import refuse_links


@contextmanager
def run_folder(config: RunConfig) -> Iterator[Path]:
    """Hold the folder of the run that is resumed, or create one, with its ``config.json`` and ``versions.json``.

    It appears whole, and locked, or not at all. Of one that is resumed, the unfinished files of a killed process go.

    Raises:
        UsageError: another process trains in it, or one of its folders is a link; the folder cannot be written, or
            something is in the one to be created; or the logger's package is missing.
    """
    with ExitStack() as held:
        if config.resume:
            refuse_links(config.resume)
            held.enter_context(run_lock(config.resume))
            remove_parts(config.resume)
            yield config.resume
        else:
            yield _create(config, held)


def _create(config: RunConfig, held: ExitStack) -> Path:
    check_logger(config.logger)
    folder = config.out_dir / (config.run_name or timed(run_name(config)))
    try:
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"run folder {str(folder)!r} is not empty; choose another --run-name or --out-dir.")
        with new_folder(folder) as part:
            held.enter_context(run_lock(part))
            save_config(config, part / "config.json")
            replace_file(part / "versions.json", (json.dumps(versions(), indent=2) + "\n").encode())
    except OSError as error:
        raise UsageError(f"run folder {str(folder)!r} cannot be written ({error.strerror}).") from error
    return folder
