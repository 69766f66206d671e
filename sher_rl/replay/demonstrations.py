"""Demonstrations from Minari data sets, as the rows that a collector would give."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict

from sher_rl.errors import UsageError, check_counts
from sher_rl.untrusted import bare_id, one_line, read_plain

OBSERVED = ("observation", "achieved_goal", "desired_goal")
FLAGS = ("done", "terminated", "truncated", "is_success")
_EPISODE = re.compile(r"episode_(\d{1,9})")
_SUCCESS = ("is_success", "success")
_MOST_PACKED = 1032
"""Times that deflate makes something smaller, at most: an array that claims more is not in the file."""


def load_demonstrations(folder: str | Path, *, env_id: str | None = None, episodes: int | None = None) -> TensorDict:
    """Read a Minari data set of a goal environment into rows that a replay buffer takes as it takes a collector's.

    Needs the extra ``demos``. Episodes stand one after the other, whole and in the order of their numbers. The files
    may be anybody's: nothing that they name is imported, and a link or an array kept in another file is refused.

    Args:
        folder: the data set's, or the ``data`` folder in it; see :func:`save_demonstrations`.
        env_id: refuse a data set that says it is of another task.
        episodes: how many to read, the first ones; None for all.

    Returns:
        ``(rows,)`` on the CPU in float32, with ``observation``, ``achieved_goal``, ``desired_goal``, ``action``,
        the first three also under ``next``, with ``reward``, ``done``, ``terminated`` and ``truncated`` ``(rows, 1)``,
        and ``is_success`` if the infos of the data set have it; ``("collector", "traj_ids")`` numbers the episodes.

    Raises:
        UsageError: h5py is missing; the folder holds no data set, a damaged one, one of another task or format, or
            fewer episodes than asked for.

    Minari's format: https://minari.farama.org/content/dataset_standards.

    >>> load_demonstrations("nowhere")
    Traceback (most recent call last):
    sher_rl.errors.UsageError: folder 'nowhere' has no Minari data set; give one with data/metadata.json in it.
    """
    if episodes is not None:
        check_counts(episodes=episodes)
    data = _data_folder(Path(folder))
    h5py = import_for_demonstrations("h5py")
    try:
        _check_metadata(json.loads(read_plain(data / "metadata.json")), env_id)
        with h5py.File(io.BytesIO(read_plain(data / "main_data.hdf5")), "r") as file:
            found = list(_episodes(h5py, file, episodes))
    except UsageError:
        raise
    except Exception as error:  # a damaged or crafted file can make its reader raise anything
        reason = one_line(" ".join(str(error).split())[:120])
        raise UsageError(f"folder {str(folder)!r:.200} holds no sound data set ({reason}); record it anew.") from error
    if episodes is not None and len(found) < episodes:
        raise UsageError(f"episodes is {episodes}, and folder {str(folder)!r:.200} has {len(found)}; ask for as many.")
    return torch.cat(found)


def _data_folder(folder: Path) -> Path:
    data = folder if (folder / "metadata.json").is_file() else folder / "data"
    if data.is_symlink() or not (data / "metadata.json").is_file():
        raise UsageError(f"folder {str(folder)!r:.200} has no Minari data set; give one with data/metadata.json in it.")
    return data


def import_for_demonstrations(name: str) -> ModuleType:
    """Import h5py, or a module of Minari.

    Raises:
        UsageError: it is not installed.
    """
    if find_spec(name.partition(".")[0]) is None:
        raise UsageError(f"Demonstrations need {name.partition('.')[0]}; run pip install minari h5py.")
    return import_module(name)


def _check_metadata(metadata: Any, env_id: str | None) -> None:
    kind = metadata.get("data_format")
    if kind != "hdf5":
        raise UsageError(f"The data set has data_format {kind!r:.40}; record it as 'hdf5'.")
    spec = metadata.get("env_spec")
    found = None if spec is None else json.loads(spec)["id"]
    if env_id is not None and found is not None and found != bare_id(env_id):
        raise UsageError(f"env_id is {env_id!r:.80}, the demonstrations are of {found!r:.80}; give those of the task.")


def _episodes(h5py: ModuleType, file: Any, count: int | None) -> Iterator[TensorDict]:
    numbers = sorted(int(match[1]) for match in map(_EPISODE.fullmatch, file) if match)
    if not numbers:
        raise ValueError("there is no episode in it")
    for place, number in enumerate(numbers[:count]):
        yield _episode(h5py, file, f"episode_{number}", place)


def _episode(h5py: ModuleType, file: Any, name: str, number: int) -> TensorDict:
    """Rows of one episode ``(T,)``; observations have one more, the one that it ended with."""
    actions = _array(h5py, file, name, "actions")
    steps = len(actions)
    observed = {key: _numbers(_array(h5py, file, name, "observations", key), steps + 1) for key in OBSERVED}
    terminated = _flags(_array(h5py, file, name, "terminations"), steps)
    truncated = _flags(_array(h5py, file, name, "truncations"), steps)
    following = {key: value[1:] for key, value in observed.items()}
    following |= {
        "reward": _numbers(_array(h5py, file, name, "rewards"), steps),
        "terminated": terminated,
        "truncated": truncated,
        "done": terminated | truncated,
    }
    success = next((key for key in _SUCCESS if f"{name}/infos/{key}" in file), None)
    if success is not None:  # of each step, after one of the reset, if that has it
        after_steps = _array(h5py, file, name, "infos", success)[-steps:]
        following["is_success"] = _numbers(after_steps, steps)
    rows = TensorDict({key: value[:-1] for key, value in observed.items()}, [steps])
    rows["action"] = _numbers(actions, steps)
    rows["next"] = TensorDict(following, [steps])
    rows.update({key: before(following[key]) for key in FLAGS if key in following})
    rows["collector"] = TensorDict({"traj_ids": torch.full((steps,), number)}, [steps])
    return rows


def before(flag: torch.Tensor) -> torch.Tensor:
    """What the steps of an episode found, of what each led to: ``(T, 1)``, 0 or False at the start.

    >>> before(torch.tensor([[1.0], [0.0]])).tolist()
    [[0.0], [1.0]]
    """
    return torch.cat((torch.zeros_like(flag[:1]), flag[:-1]))


def _array(h5py: ModuleType, file: Any, *path: str) -> NDArray[Any]:
    """An array of numbers that is in this very file.

    Raises:
        ValueError: it is missing, or somewhere else, or no array of numbers.
    """
    node = file
    for name in path:
        if not isinstance(node.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{'/'.join(path)} is missing or a link")
        node = node[name]
    if not isinstance(node, h5py.Dataset) or node.is_virtual or node.external or node.dtype.kind not in "fiub":
        raise ValueError(f"{'/'.join(path)} is no array of numbers of this file")
    if node.ndim == 0 or not 0 < node.nbytes <= _MOST_PACKED * node.id.get_storage_size():
        raise ValueError(f"{'/'.join(path)} has the shape {node.shape}, and fewer numbers")
    return node[()]


def _numbers(array: NDArray[Any], rows: int) -> torch.Tensor:
    """An array as float32 ``(rows, n)``."""
    if len(array) != rows:
        raise ValueError(f"an array has {len(array)} steps where the episode has {rows}")
    values = torch.from_numpy(array.astype(np.float32)).reshape(rows, math.prod(array.shape[1:]))
    if not values.isfinite().all():
        raise ValueError("an array has a NaN or Inf")
    return values


def _flags(array: NDArray[Any], rows: int) -> torch.Tensor:
    """An array of ends of episodes as bool ``(rows, 1)``."""
    return _numbers(array, rows).bool()
