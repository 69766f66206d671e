"""A Ray cluster, and calls into its actors that end in one sentence where an actor is gone."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sher_rl.errors import UsageError

LOCAL = "local"
"""Address of a cluster that is started on this machine for one run."""
_INSTALL = "pip install ray"


class ActorDied(UsageError):
    """An actor is gone that a run cannot go on without."""


@contextmanager
def cluster(address: str, cpus: int) -> Iterator[None]:
    """Join a Ray cluster for as long as the context lasts, or start one.

    Args:
        address: of a cluster, as ``ray.init`` takes it, or ``local`` to start one here.
        cpus: what actors reserve together, which a cluster started here offers whatever the machine has.

    Raises:
        UsageError: Ray is not installed, or there is no such cluster.
    """
    ray = import_ray()
    try:
        _knock(address)
        ray.init(
            address=None if address == LOCAL else address,
            num_cpus=cpus if address == LOCAL else None,
            include_dashboard=False if address == LOCAL else None,
            runtime_env={"env_vars": {"PYTHONPATH": _import_path()}},
            log_to_driver=False,
            logging_level="critical",
        )
    except (OSError, ValueError) as error:
        raise UsageError(
            f"ray is {address!r:.80}, which cannot be joined ({error!s:.80}); use local or another."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Connect to ``host:port`` and hang up: Ray would try for minutes where nothing answers.

    Raises:
        OSError: nothing answers.
    """
    host, _, port = address.rpartition(":")
    if port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=10).close()


def import_ray() -> Any:
    """Ray, which a machine needs for ``--ray`` alone.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import ray  # noqa: PLC0415 -- an extra
    except ImportError as error:
        raise UsageError(f"ray is not installed, and --ray needs it; {_INSTALL}.") from error
    return ray


def spawn(kind: type, *args: Any, **options: Any) -> Any:
    """Start an actor of a class; what its constructor raises comes with the first call.

    Args:
        kind: the class.
        *args: of its constructor.
        **options: what it reserves and where it runs, as Ray's ``options``.
    """
    return import_ray().remote(kind).options(**options).remote(*args)


def here() -> Any:
    """Where an actor runs that shares the file system of this process: on the same node."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415

    return NodeAffinitySchedulingStrategy(import_ray().get_runtime_context().get_node_id(), soft=False)


def result(reference: Any, of: str) -> Any:
    """What a call of an actor returns.

    Args:
        reference: what the call gave.
        of: name of the actor, for the sentence.

    Raises:
        ActorDied: the actor is gone.
        Exception: what the call raised there.
    """
    ray = import_ray()
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayActorError as error:
        raise ActorDied(f"the {of} died ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:120]


def _import_path() -> str:
    """Where processes of the cluster look for modules: where this one does."""
    return os.pathsep.join(folder for folder in sys.path if folder)
