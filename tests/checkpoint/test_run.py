import time
from pathlib import Path

import pytest
import torch
from helpers.buffers import make_buffer

from sher_rl import UsageError
from sher_rl.checkpoint.run import RunCheckpoint, saved_checkpoints


def inode(path: Path) -> int:
    return path.stat().st_ino


def test_components_and_random_state_come_back_and_two_are_kept(tmp_path: Path) -> None:
    net, buffer = torch.nn.Linear(2, 2), make_buffer()
    checkpoint = RunCheckpoint(tmp_path, {}, buffer, net=net)
    assert not checkpoint.restore()
    for frames in (100, 200, 1000):
        net.weight.data.fill_(frames)
        checkpoint.save(frames)
    draws = torch.rand(3)
    other = torch.nn.Linear(2, 2)
    assert RunCheckpoint(tmp_path, {}, make_buffer(), net=other).restore()
    assert (other.weight == 1000).all()
    assert torch.equal(torch.rand(3), draws)
    assert [path.name for path in saved_checkpoints(tmp_path)] == ["200", "1000"]


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    RunCheckpoint(tmp_path, {"alpha": 0.1}, make_buffer()).save(1)
    with pytest.raises(UsageError, match=r"only total_frames may change \(alpha was 0\.1, now 0\.2\)"):
        RunCheckpoint(tmp_path, {"alpha": 0.2}, make_buffer()).restore()


def test_other_versions_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    RunCheckpoint(tmp_path, {}, make_buffer()).save(1)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    RunCheckpoint(tmp_path, {}, make_buffer()).restore()
    torch.set_num_threads(threads)
    assert f"torch_threads {threads} then, {threads + 1} now" in caplog.text


def test_a_checkpoint_that_is_there_is_left_alone(tmp_path: Path) -> None:
    checkpoint = RunCheckpoint(tmp_path, {}, make_buffer())
    checkpoint.save(1)
    (path,) = saved_checkpoints(tmp_path)
    before = {file: (inode(file), file.stat().st_mtime_ns) for file in path.iterdir()}
    time.sleep(0.01)
    assert "already" in checkpoint.save(1)
    assert before == {file: (inode(file), file.stat().st_mtime_ns) for file in path.iterdir()}
