"""A process that is watched while it plays, resumes and reports runs with hostile values in their files.

``python -m helpers.watched RUN HOME STEP`` tries each ``STEP``-th of all cases, and prints a line of JSON for each.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from helpers.foreign import Foreign, Place, places
from helpers.small import REACH, load_recipe, small_config

from sher_rl import init_from
from sher_rl.cli import play
from sher_rl.cli.recipe import parse
from sher_rl.report import draw_curves, summary_table, write_paper

TRUSTED = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[2]), "<string>")
"""Where code may come from; annotations are evaluated as strings, and what a string of ours did would be seen."""
PATHS = {  # event: its arguments that are paths, each with that of its folder's descriptor
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.chmod": ((0, 2),),
    "shutil.rmtree": ((0, 1),),
}
REACHING = re.compile(
    r"socket\.(connect|bind|getaddrinfo|sendto)|subprocess\.|os\.(system|exec|posix_spawn|fork|startfile)|pty\.|"
    r"sqlite3\.|urllib\.|ctypes\.dlopen|pickle\.find_class|webbrowser\.|ftplib\.|smtplib\."
)
"""Events that have no place in what is watched."""


class Watch:
    """What this process writes outside of a folder, runs, imports from elsewhere, or connects to."""

    def __init__(self) -> None:
        self.inside: Path | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._note)

    @contextlib.contextmanager
    def writing_only(self, folder: Path) -> Iterator[list[str]]:
        self.seen = []
        self.inside = folder
        try:
            yield self.seen
        finally:
            self.inside = None

    def _note(self, event: str, args: tuple) -> None:
        if self.inside is not None and self._is_strange(event, args):
            self.seen.append(f"{event} {args!r:.200}")

    def _is_strange(self, event: str, args: tuple) -> bool:
        if event == "open":
            return bool(args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)) and self._is_outside(args[0])
        if event == "exec":
            return not args[0].co_filename.startswith(TRUSTED)
        if event == "import":
            return True
        if event in PATHS:
            return any(self._is_outside(args[at], args[folder] if folder else None) for at, folder in PATHS[event])
        return bool(REACHING.match(event))

    def _is_outside(self, path: Any, folder: int | None = None) -> bool:
        if isinstance(path, int):  # a descriptor: noted when it was opened
            return False
        name = os.fsdecode(path)
        here = folder in (None, -1)
        if here and re.fullmatch(r"\.[^/]+\.[0-9a-f]{16}\.part", name):
            return False  # opened by a descriptor that the event does not tell; would be left in the current folder
        base = Path.cwd() if here else Path(os.readlink(f"/proc/self/fd/{folder}"))
        parent = Path(os.path.realpath((base / name).parent))
        return name != os.devnull and not (parent / Path(name).name).is_relative_to(self.inside)


def hostile(home: Path) -> list[Any]:
    """Values that would import, open, run or write something where they are taken at their word."""
    return [
        "helper:X-v0",
        "helper",
        str(home / "new"),
        "../../home/new",
        f"file://{home}/new",
        "http://127.0.0.1:9/",
        f"|touch {home}/new",
        f"$(touch {home}/new)",
        f"__import__('pathlib').Path('{home}/new').touch()",
        "{0.__class__.__init__.__globals__}%s%n",
        "wandb",
        "tensorboard",
        "onnx",
        "a\n| b |\x1b]0;c\x07$\\input{/etc/passwd}$",
        {"__class__": "helper.X", "_target_": "helper.X"},
        ["helper"],
        None,
        -1,
        10**30,
        float("nan"),
    ]


CSV = ("{0}\n1\n", "frames\n{0}\n", "{0}", "frames,{0}\n1,2\n", '"frames\n')
"""What ``progress.csv`` and its copy in ``state.pt`` are made of."""
FILES = ("config.json", "policy.pt", "critics.pt", "manifest.json", "versions.json", "state.pt")


def cases(run: Path, home: Path) -> Iterator[tuple[str, Place, Any]]:
    """A file, a place in it, and a value: all pairs, but for a state, whose many places get one value each."""
    values = hostile(home)
    for name in FILES:
        content = Foreign(run).read[name]()
        for i, place in enumerate(places(content)):
            chosen = [values[i % len(values)]] if name == "state.pt" else values
            yield from ((name, place, value) for value in chosen)
        yield from ((name, (), content | {str(value): value}) for value in values)
    for text in CSV:
        for value in values:
            yield "progress.csv", (), text.format(value)
            yield "state.pt", ("progress", "csv"), text.format(value)


def play_it(run: Path) -> None:
    play.main(play.Args(run=run, episodes=1, num_envs=1))


def resume_it(run: Path) -> None:
    config = parse(REACH.CONFIG, ["--resume", str(run), "--total-frames", "300"])
    load_recipe(config.method).main(config)


def begin_with_it(run: Path) -> None:
    init_from(run / "policy.pt", load_recipe("sher").build(small_config(run, compile=False)))


def report_it(run: Path) -> None:
    summary_table([run])
    draw_curves([run], run / "curve.png")
    csv = run / "fetch_push-sher-s0.csv"
    csv.write_bytes((run / "progress.csv").read_bytes())
    write_paper([csv], run / "paper")


USES = {
    "config.json": (play_it, resume_it),
    "policy.pt": (play_it,),
    "critics.pt": (begin_with_it,),
    "progress.csv": (report_it, resume_it),
    "manifest.json": (resume_it,),
    "versions.json": (resume_it,),
    "state.pt": (resume_it,),
}
"""What reads a file."""


def outcome(action: Callable[[Path], None], run: Path) -> str:
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            action(run)
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error!s:.150}"
    return "done"


def import_what_is_needed(whole: Path, run: Path) -> None:
    """Do everything once, also with an id that nobody knows; from then on each import is one too many.

    TensorBoard is the one logger that a file alone may start: it writes into the run's folder.
    """
    for logger, env_id in (("tensorboard", "Unknown-v0"), (None, REACH.CONFIG.env_id)):
        shutil.copytree(whole, run)
        outcomes = [outcome(begin_with_it, run)]
        Foreign(run).change("config.json", ("logger",), logger)
        Foreign(run).change("policy.pt", ("env_id",), env_id)
        outcomes += [outcome(action, run) for action in (play_it, report_it, resume_it)]
        shutil.rmtree(run)
    assert outcomes == ["done"] * 4


def main(whole: Path, home: Path, step: int) -> None:
    watch = Watch()
    run = whole.parent / "sent" / "run"
    import_what_is_needed(whole, run)
    for name, place, value in list(cases(whole, home))[::step]:
        shutil.copytree(whole, run)
        if name == "progress.csv":
            (run / name).write_text(value)
        else:
            Foreign(run).change(name, place, value)
        with watch.writing_only(run) as seen:
            outcomes = {action.__name__: outcome(action, run) for action in USES[name]}
        print(json.dumps([name, place, repr(value)[-80:], outcomes, seen]), flush=True)
        shutil.rmtree(run)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
