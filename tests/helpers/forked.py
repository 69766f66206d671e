"""Commands in processes of their own that start at once: a server, with the imports made, forks itself for each.

What an import decides, by the path or the environment, takes an interpreter of its own, and so ``subprocess``.
"""

import multiprocessing
import os
import runpy
import sys
import tempfile
from pathlib import Path
from subprocess import CompletedProcess

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["sher_rl.cli.main", "sher_rl.envs.native", "torch._dynamo", "matplotlib.pyplot"])
ROOT = Path(__file__).parents[2]
NOT_INSTALLED = [str(ROOT / name) for name in ("tests", "recipes")]
"""Folders that tests import from, and that others do not."""


def python(*command: str, cwd: Path | None = None) -> CompletedProcess:
    """What ``python COMMAND`` does: a file, ``-m`` and a module, or ``-c`` and code, and their arguments."""
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("stdout", "stderr")]
        process = CONTEXT.Process(target=_run, args=(command, cwd or Path.cwd(), streams))
        process.start()
        process.join()
        output, errors = (path.read_text() for path in streams)
    return CompletedProcess(command, process.exitcode, output, errors)


def _run(command: tuple[str, ...], cwd: Path, streams: list[Path]) -> None:
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(cwd)
    first, *rest = command
    folder = cwd if first in ("-c", "-m") else Path(first).parent
    sys.path[:] = [str(folder), *(path for path in sys.path if path not in NOT_INSTALLED)]
    if first == "-c":
        exec(rest[0], vars(sys.modules["__main__"]))
    elif first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(command)
        runpy.run_path(first, run_name="__main__")
