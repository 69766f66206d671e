import os
import shutil
from pathlib import Path

import pytest
import torch
from helpers.buffers import make_buffer, rows
from torchrl.data import LazyMemmapStorage, LazyTensorStorage
from torchrl.data.replay_buffers import PrioritizedSampler

from sher_rl.checkpoint import rows as row_files
from sher_rl.checkpoint.buffer import BufferState
from sher_rl.checkpoint.run import RunCheckpoint, saved_checkpoints


@pytest.fixture
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_files, "ROWS", 10)


@pytest.mark.parametrize("storage", [LazyTensorStorage, LazyMemmapStorage])
@pytest.mark.parametrize("writes", [[7], [10], [25], [20, 12], [25, 25, 3]])
@pytest.mark.usefixtures("_small_chunks")
def test_a_buffer_comes_back_full_or_not(storage: type, writes: list[int], tmp_path: Path) -> None:
    options = [{"sampler": PrioritizedSampler(25, 0.7, 0.5), "generator": torch.Generator()} for _ in range(2)]
    one, other = (make_buffer(storage=storage, **option) for option in options)
    for i, n in enumerate(writes):
        one.extend(rows(n, 100 * i))
        one.update_priority(torch.arange(3), torch.rand(3) + i)
    RunCheckpoint(tmp_path, {}, BufferState(one)).save(5)
    RunCheckpoint(tmp_path, {}, BufferState(other)).restore()
    for buffer in (one, other):
        buffer.extend(rows(4, 900))
    assert (one[:] == other[:]).all()
    assert one.storage._mutation_revision == other.storage._mutation_revision
    assert one.storage._last_cursor_index == other.storage._last_cursor_index
    for _ in range(5):
        a, b = one.sample(), other.sample()
        assert (a == b).all()


@pytest.mark.usefixtures("_small_chunks")
def test_checkpoints_share_no_file(tmp_path: Path) -> None:
    buffer = make_buffer()
    buffer.extend(rows(25))
    checkpoint = RunCheckpoint(tmp_path, {}, BufferState(buffer))
    for frames in (1, 2):
        checkpoint.save(frames)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 2 * 5
    assert {path.stat().st_nlink for path in files} == {1}


@pytest.mark.usefixtures("_small_chunks")
def test_where_files_cannot_be_linked_nothing_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    buffer = make_buffer()
    buffer.extend(rows(25))
    checkpoint = RunCheckpoint(tmp_path / "run", {}, BufferState(buffer))
    for frames in (1, 2):
        checkpoint.save(frames)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    for run in ("run", "copy"):
        other = make_buffer()
        copied = RunCheckpoint(tmp_path / run, {}, BufferState(other))
        assert copied.restore()
        assert (other[:] == buffer[:]).all()
        copied.save(3)


def test_only_what_the_ring_holds_is_stored(tmp_path: Path) -> None:
    buffer = make_buffer(1_000_000)
    buffer.extend(rows(100))
    said = RunCheckpoint(tmp_path, {}, BufferState(buffer)).save(1)
    (path,) = saved_checkpoints(tmp_path)
    assert {file.name for file in path.iterdir()} == {"manifest.json", "state.pt", "rows-00000.raw"}
    assert (path / "rows-00000.raw").stat().st_size == 100 * (3 * 8 + 8 + 4 + 1)  # with the index
    assert " MB in 0." in said


@pytest.mark.parametrize("writes", [-1, 10**30])
def test_a_number_of_writes_that_none_can_be_is_refused(writes: int, tmp_path: Path) -> None:
    buffer = make_buffer()
    buffer.extend(rows(25))
    description = row_files.describe(buffer.storage) | {"revision": writes}
    records = row_files.write_chunks(buffer.storage, tmp_path)
    with pytest.raises(ValueError, match=f"revision is {writes}"):
        row_files.read_chunks(LazyTensorStorage(25), tmp_path, records, description)
