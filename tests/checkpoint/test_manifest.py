import json
from pathlib import Path

import pytest
from helpers.buffers import make_buffer, rows

from sher_rl.checkpoint.buffer import BufferState
from sher_rl.checkpoint.manifest import FORMAT, read_manifest, render_manifest
from sher_rl.checkpoint.run import RunCheckpoint, saved_checkpoints


def test_the_manifest_comes_last(tmp_path: Path) -> None:
    buffer = make_buffer()
    buffer.extend(rows(25))
    RunCheckpoint(tmp_path, {}, BufferState(buffer)).save(1)
    (path,) = saved_checkpoints(tmp_path)
    last = (path / "manifest.json").stat().st_mtime_ns
    assert all(file.stat().st_mtime_ns <= last for file in path.iterdir())
    listed = json.loads((path / "manifest.json").read_text())["files"]
    assert {*listed, "manifest.json"} == {file.name for file in path.iterdir()}


def test_what_was_changed_by_hand_is_refused(tmp_path: Path) -> None:
    RunCheckpoint(tmp_path, {"alpha": 0.1}, BufferState(make_buffer())).save(1)
    (path,) = saved_checkpoints(tmp_path)
    assert read_manifest(path)["config"] == {"alpha": 0.1}
    text = (path / "manifest.json").read_text()
    (path / "manifest.json").write_text(text.replace("0.1", "0.2"))
    with pytest.raises(ValueError, match="is damaged or of another format"):
        read_manifest(path)


def test_a_file_that_no_checkpoint_has_is_refused(tmp_path: Path) -> None:
    manifest = {"format": FORMAT, "files": {"../state.pt": {"bytes": 0, "sha256": ""}}}
    (tmp_path / "manifest.json").write_bytes(render_manifest(manifest))
    with pytest.raises(ValueError, match=r"names '\.\./state\.pt', which no checkpoint has"):
        read_manifest(tmp_path)
