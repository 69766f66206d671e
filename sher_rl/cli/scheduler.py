"""Runs as processes, some at a time, each of which is resumed where it stopped."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sher_rl.errors import UsageError
from sher_rl.output import say
from sher_rl.training.lock import run_lock
from sher_rl.training.signals import noted_signals
from sher_rl.untrusted import open_no_link


class Job(Protocol):
    """One run of a plan."""

    @property
    def name(self) -> str:
        """What its folder is called."""

    @property
    def folder(self) -> Path:
        """The run's folder."""

    def state(self) -> str:
        """What there is of it: ``finished``, something to ``resume``, or nothing, ``new``."""

    def command(self) -> list[str]:
        """What starts it, or lets it go on."""

    def keep(self) -> None:
        """Called once it has ended well."""


class Runner:
    """Runs jobs as processes, each of which holds its run folder as long as it lives."""

    def __init__(self) -> None:
        self.processes: dict[str, subprocess.Popen] = {}
        self.stopped = False

    def run(self, job: Job) -> str | None:
        """Run a job to its end; returns why it failed."""
        if self.stopped or job.state() == "finished":
            return None
        if reason := held(job.folder):
            return reason
        job.folder.parent.mkdir(parents=True, exist_ok=True)
        say(f"{job.name}: {job.state()}")
        with open(job.folder.with_name(f"{job.name}.log"), "a", opener=open_no_link) as log:
            process = subprocess.Popen(job.command(), stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        self.processes[job.name] = process
        if self.stopped:
            process.terminate()
        code = process.wait()
        if code and not self.stopped:
            lines = Path(log.name).read_text(errors="replace").replace("\r", "\n").strip().splitlines()
            return f"exit code {code}: {lines[-1][:200] if lines else 'no output'} ({log.name})"
        if code == 0:
            job.keep()
        return None

    def stop(self) -> None:
        """Let every process save a checkpoint and end, a paused one, too."""
        self.stopped = True
        for process in list(self.processes.values()):
            process.terminate()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGCONT)  # and its helpers, whose end it may wait for


def run_all(jobs: Sequence[Job], count: int) -> int:
    """Run what is not finished, ``count`` at a time, each on its share of the cores; returns an exit code."""
    runner = Runner()
    shares = iter(_shares(count))

    def pin() -> None:
        if share := next(shares):
            os.sched_setaffinity(0, share)  # of this thread, and of what it starts

    with noted_signals() as signals, ThreadPoolExecutor(count, initializer=pin) as pool:
        futures = {pool.submit(runner.run, job): job for job in jobs}
        while wait(futures, timeout=0.5).not_done and not runner.stopped:
            if signals:
                runner.stop()
    failures = [f"{job.name}: {future.result()}" for future, job in futures.items() if future.result()]
    done = sum(job.state() == "finished" for job in jobs)
    say("\n".join([f"{done} of {len(jobs)} runs finished, {len(failures)} failed", *failures]))
    return 128 + signals[0] if signals else int(bool(failures))


def _shares(count: int) -> list[list[int]]:
    """The cores of each of ``count`` jobs; none where the system does not let a process choose."""
    if not hasattr(os, "sched_getaffinity"):
        return [[] for _ in range(count)]
    cores = sorted(os.sched_getaffinity(0))
    return [cores[i % len(cores) :: count] for i in range(count)]


def held(folder: Path) -> str | None:
    """Why a run cannot be started now, where another process trains in its folder."""
    if not folder.exists():
        return None
    try:
        with run_lock(folder):
            return None
    except UsageError as error:
        return str(error)
