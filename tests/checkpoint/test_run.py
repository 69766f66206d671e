import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.buffers import make_buffer, rows

from sher_rl import UsageError
from sher_rl.checkpoint import rows as row_files
from sher_rl.checkpoint.buffer import BufferState
from sher_rl.checkpoint.run import RunCheckpoint, saved_checkpoints


def inode(path: Path) -> int:
    return path.stat().st_ino


def test_components_and_random_state_come_back_and_two_are_kept(tmp_path: Path) -> None:
    net, buffer = torch.nn.Linear(2, 2), make_buffer()
    checkpoint = RunCheckpoint(tmp_path, {}, BufferState(buffer), net=net)
    assert not checkpoint.restore()
    for frames in (100, 200, 1000):
        net.weight.data.fill_(frames)
        checkpoint.save(frames)
    draws = torch.rand(3)
    other = torch.nn.Linear(2, 2)
    assert RunCheckpoint(tmp_path, {}, BufferState(make_buffer()), net=other).restore()
    assert (other.weight == 1000).all()
    assert torch.equal(torch.rand(3), draws)
    assert [path.name for path in saved_checkpoints(tmp_path)] == ["200", "1000"]


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    RunCheckpoint(tmp_path, {"alpha": 0.1}, BufferState(make_buffer())).save(1)
    with pytest.raises(UsageError, match=r"only total_frames may change \(alpha was 0\.1, now 0\.2\)"):
        RunCheckpoint(tmp_path, {"alpha": 0.2}, BufferState(make_buffer())).restore()


def test_an_older_checkpoint_has_the_defaults_of_what_it_does_not_know(tmp_path: Path) -> None:
    RunCheckpoint(tmp_path, {"alpha": 0.1}, BufferState(make_buffer())).save(1)
    defaults = {"alpha": 0.5, "critic": "concat"}
    assert RunCheckpoint(tmp_path, {"alpha": 0.1, "critic": "concat"}, BufferState(make_buffer()), defaults).restore()
    other = RunCheckpoint(tmp_path, {"alpha": 0.1, "critic": "bilinear"}, BufferState(make_buffer()), defaults)
    with pytest.raises(UsageError, match=r"only total_frames may change \(critic was 'concat', now 'bilinear'\)"):
        other.restore()


def test_other_versions_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    RunCheckpoint(tmp_path, {}, BufferState(make_buffer())).save(1)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    RunCheckpoint(tmp_path, {}, BufferState(make_buffer())).restore()
    torch.set_num_threads(threads)
    assert f"torch_threads {threads} then, {threads + 1} now" in caplog.text


def test_a_checkpoint_that_is_there_is_left_alone(tmp_path: Path) -> None:
    checkpoint = RunCheckpoint(tmp_path, {}, BufferState(make_buffer()))
    checkpoint.save(1)
    (path,) = saved_checkpoints(tmp_path)
    before = {file: (inode(file), file.stat().st_mtime_ns) for file in path.iterdir()}
    time.sleep(0.01)
    assert "already" in checkpoint.save(1)
    assert before == {file: (inode(file), file.stat().st_mtime_ns) for file in path.iterdir()}


@pytest.fixture
def living(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunCheckpoint:
    """A run of two checkpoints, 1 and 2, that goes on."""
    monkeypatch.setattr(row_files, "ROWS", 10)
    buffer = make_buffer()
    buffer.extend(rows(25))
    checkpoint = RunCheckpoint(tmp_path, {}, BufferState(buffer))
    checkpoint.save(1)
    checkpoint.save(2)
    return checkpoint


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def assert_all_restore(run: Path) -> None:
    """The newest checkpoint restores; so does the one before once the newest is gone."""
    for path in reversed(saved_checkpoints(run)):
        buffer = make_buffer()
        assert RunCheckpoint(run, {}, BufferState(buffer)).restore()
        assert (buffer[:].exclude("index") == rows(25)).all()
        shutil.rmtree(path)


@pytest.mark.parametrize("name", ["rows-00000.raw", "rows-00001.raw", "rows-00002.raw", "state.pt", "manifest.json"])
def test_a_damaged_block_takes_one_checkpoint_and_none_after_it(name: str, living: RunCheckpoint) -> None:
    flip_a_bit(living.run / "checkpoints" / "2" / name)
    with pytest.raises(UsageError, match=r"'.*2' cannot be restored"):
        RunCheckpoint(living.run, {}, BufferState(make_buffer())).restore()
    living.save(3)
    living.save(4)
    assert_all_restore(living.run)
    living.save(5)
    living.save(6)
    flip_a_bit(living.run / "checkpoints" / "6" / name)
    shutil.rmtree(living.run / "checkpoints" / "6")
    assert_all_restore(living.run)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


SPOIL: dict[str, Callable[[Path], object]] = {
    "manifest cut short": lambda folder: cut(folder / "2" / "manifest.json"),
    "manifest with a flipped bit": lambda folder: flip_a_bit(folder / "2" / "manifest.json"),
    "manifest empty": lambda folder: (folder / "2" / "manifest.json").write_bytes(b""),
    "manifest gone": lambda folder: (folder / "2" / "manifest.json").unlink(),
    "rows cut short": lambda folder: cut(folder / "2" / "rows-00001.raw"),
    "rows gone": lambda folder: (folder / "2" / "rows-00001.raw").unlink(),
    "a file as the next checkpoint": lambda folder: (folder / "3").write_bytes(b"x"),
    "an empty folder as the next checkpoint": lambda folder: (folder / "3").mkdir(),
    "a full folder as the next checkpoint": lambda folder: shutil.copytree(folder / "2", folder / "3" / "2"),
    "a file 99999": lambda folder: (folder / "99999").write_bytes(b"x"),
    "an empty folder 99999": lambda folder: (folder / "99999").mkdir(),
}


@pytest.mark.parametrize("spoil", SPOIL.values(), ids=SPOIL)
def test_a_living_run_writes_a_whole_checkpoint_beside_damaged_ones(
    spoil: Callable[[Path], object], living: RunCheckpoint
) -> None:
    folder = living.run / "checkpoints"
    spoil(folder)
    said = living.save(3)
    assert "; damaged and not used: " in said
    assert "\n" not in said
    assert [path.name for path in saved_checkpoints(living.run)][-1] == "3"
    living.save(4)
    assert [path.name for path in saved_checkpoints(living.run)] == ["3", "4"]
    assert_all_restore(living.run)


@pytest.mark.parametrize("gone", ["checkpoints", "checkpoints/1", "checkpoints/2"])
def test_a_living_run_writes_a_whole_checkpoint_where_folders_were_removed(gone: str, living: RunCheckpoint) -> None:
    shutil.rmtree(living.run / gone)
    living.save(3)
    living.save(4)
    assert_all_restore(living.run)


def test_a_damaged_checkpoint_does_not_take_the_place_of_a_usable_one(living: RunCheckpoint) -> None:
    cut(living.run / "checkpoints" / "2" / "manifest.json")
    living.save(3)
    shutil.rmtree(living.run / "checkpoints" / "3")
    shutil.rmtree(living.run / "checkpoints" / "2")
    assert_all_restore(living.run)
