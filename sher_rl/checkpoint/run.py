"""What a run's state is, and how it is saved and restored exactly."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torchrl.checkpoint import GlobalRNGState

from sher_rl.checkpoint.manifest import FORMAT, read_manifest, render_manifest
from sher_rl.checkpoint.versions import versions
from sher_rl.errors import UsageError
from sher_rl.files import Record, new_folder, read_checked, remove, remove_parts, write_file
from sher_rl.untrusted import load_tensors

_LOG = logging.getLogger(__name__)
KEPT = 2


class AnyBuffer(Protocol):
    """What a checkpoint asks of a buffer, wherever that is; ``BufferState`` has it of one in the same process."""

    def write_rows(self, folder: Path) -> tuple[dict[str, Record], dict[str, Any]]:
        """Write the rows; returns the files, and what :meth:`read_rows` has to know beside them."""

    def read_rows(self, folder: Path, records: Mapping[str, Record], description: Mapping[str, Any]) -> None:
        """Fill an empty buffer with them."""

    def state_dict(self) -> dict[str, Any]:
        """The rest of the buffer's state."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore it, after the rows."""


class RunCheckpoint:
    """A run's state in ``RUN/checkpoints/<frames>``: a buffer, named components and the global random states.

    ``state.pt`` holds the components' state dicts, ``rows-*.raw`` what the buffer holds, and ``manifest.json``,
    written last, names the files with their checksums. A checkpoint appears whole or not at all, and is written from
    memory alone, so that damage to one on the disk goes into no other; the last two are kept. Reading unpickles
    nothing and checks everything.

    Args:
        folder: the run's folder.
        config: what must not differ when the checkpoint is restored, as JSON values.
        defaults: what stands for a value of ``config`` in a checkpoint that does not have it, since it is older.
        buffer: of a buffer over a :class:`~torchrl.data.LazyTensorStorage` or
            :class:`~torchrl.data.LazyMemmapStorage`, empty when it is restored.
        **components: objects with ``state_dict`` and ``load_state_dict``, restored in this order.
    """

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        buffer: AnyBuffer,
        defaults: Mapping[str, Any] = MappingProxyType({}),
        **components: Any,
    ) -> None:
        self.run = folder
        self.config = dict(config)
        self._defaults = dict(defaults)
        self._buffer = buffer
        self._components = {"buffer": buffer, **components, "random": GlobalRNGState()}

    def save(self, frames: int) -> str:
        """Write the checkpoint of this many frames, unless it is there, and drop all but the last two that are whole.

        Returns:
            Time and size, in words, and what is called like a checkpoint without being a whole one.

        Raises:
            UsageError: the disk is full, or the folder cannot be written.
        """
        path = self.run / "checkpoints" / str(frames)
        started = time.monotonic()
        if _is_whole(path):
            return f"checkpoint {path}: is there already"
        spoilt = [other.name for other in _numbered(self.run) if not _is_whole(other)]
        try:
            remove(path)
            with new_folder(path) as part:
                size = self._write(part, frames)
            self._tidy()
        except OSError as error:
            kept = f"{str(last)!r} is as it was" if (last := self._last()) else "there is none before it"
            raise UsageError(f"checkpoint {str(path)!r} cannot be written ({error.strerror}); {kept}.") from error
        seconds = time.monotonic() - started
        unused = f"; damaged and not used: {', '.join(spoilt)}" if spoilt else ""
        return f"checkpoint {path}: {size / 1e6:,.1f} MB in {seconds:.1f} s{unused}"

    def restore(self) -> bool:
        """Load the newest checkpoint; returns whether there is one.

        Raises:
            UsageError: it is damaged, or not this run's.
        """
        path = self._last()
        if path is None:
            return False
        try:
            manifest = read_manifest(path)
            self._check(manifest["config"])
            _note_versions(manifest["versions"])
            state = _read_state(path, manifest)
            self._buffer.read_rows(path, manifest["files"], manifest["buffer"])
            for name, component in self._components.items():
                component.load_state_dict(state[name])
        except UsageError:
            raise
        except Exception as error:  # a damaged or crafted file can make its reader raise anything
            hint = "delete that folder to go on from the checkpoint before it, if there is one"
            raise UsageError(f"checkpoint {str(path)!r} cannot be restored ({_reason(error)}); {hint}.") from error
        return True

    def _last(self) -> Path | None:
        return next(reversed(saved_checkpoints(self.run)), None)

    def _write(self, part: Path, frames: int) -> int:
        """Write all files into a folder; returns their bytes."""
        content = io.BytesIO()
        torch.save({name: component.state_dict() for name, component in self._components.items()}, content)
        load_tensors(content.getbuffer())  # what only pickle could read back is refused now, not when it is needed
        files = {"state.pt": write_file(part / "state.pt", [content.getbuffer()])}
        rows, description = self._buffer.write_rows(part)
        files |= rows
        manifest = {"format": FORMAT, "frames": frames, "config": self.config, "versions": versions()}
        manifest |= {"buffer": description, "files": files}
        write_file(part / "manifest.json", [render_manifest(manifest)])
        return sum(record["bytes"] for record in files.values())

    def _tidy(self) -> None:
        """Drop what is older than the last two whole checkpoints, and what a killed process left unfinished."""
        numbered = _numbered(self.run)
        kept = [path for path in numbered if _is_whole(path)][-KEPT:]
        for path in numbered[: numbered.index(kept[0])]:
            remove(path)
        remove_parts(self.run / "checkpoints")

    def _check(self, config: Mapping[str, Any]) -> None:
        saved = self._defaults | dict(config)
        changed = [key for key in sorted({*saved, *self.config}) if saved.get(key) != self.config.get(key)]
        if changed:
            was = ", ".join(f"{key} was {saved.get(key)!r}, now {self.config.get(key)!r}" for key in changed)
            raise UsageError(f"resume: only total_frames may change ({was}).")


def saved_checkpoints(run: Path) -> list[Path]:
    """Folders of a run's finished checkpoints, oldest first; what has no manifest, which is written last, is none."""
    return [path for path in _numbered(run) if (path / "manifest.json").is_file()]


def read_components(run: Path, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """State dicts of components in a run's newest checkpoint, for another run; the rows are not read.

    Raises:
        UsageError: the checkpoint is damaged, or has no such components.
    """
    path = saved_checkpoints(run)[-1]
    try:
        manifest = read_manifest(path)
        state = _read_state(path, manifest)
        return {name: dict(state[name]) for name in names}
    except Exception as error:  # a damaged or crafted file can make its reader raise anything
        raise UsageError(f"checkpoint {str(path)!r} cannot be read ({_reason(error)}); use another run.") from error


def _read_state(path: Path, manifest: dict[str, Any]) -> Any:
    """The components' state, whose file then is the manifest's no more."""
    return load_tensors(read_checked(path / "state.pt", manifest["files"].pop("state.pt")))


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


def _numbered(run: Path) -> list[Path]:
    """What is called like a checkpoint in a run's folder, oldest first."""
    folder = run / "checkpoints"
    paths = folder.iterdir() if folder.is_dir() else ()
    return sorted((path for path in paths if path.name.isdecimal()), key=lambda path: int(path.name))


def _is_whole(path: Path) -> bool:
    """Whether a checkpoint is there with a sound manifest and files of the lengths that it names."""
    try:
        files = read_manifest(path)["files"]
        return all((path / name).stat().st_size == record["bytes"] for name, record in files.items())
    except Exception:  # a damaged or crafted file can make its reader raise anything
        return False


def _note_versions(saved: Mapping[str, Any]) -> None:
    """Say what is not as it was when the checkpoint was made: then a resumed run is another run."""
    changed = [
        f"{name} {saved.get(name)!r:.80} then, {now!r} now"
        for name, now in versions().items()
        if saved.get(name) != now
    ]
    if changed:
        _LOG.warning("Resuming on something else, so not to the bit: %s.", "; ".join(changed))
