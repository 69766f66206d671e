"""Damaged and crafted files are refused with one sentence, and nothing in them runs."""

import json
import os
import pickle
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.buffers import make_buffer, rows
from helpers.same_run import assert_equal
from helpers.small import small_config, small_run

from sher_rl import Config, UsageError, load_policy
from sher_rl.checkpoint.buffer import BufferState
from sher_rl.checkpoint.manifest import render_manifest
from sher_rl.checkpoint.run import RunCheckpoint, saved_checkpoints
from sher_rl.files import digest
from sher_rl.modules.critics_file import load_critics
from sher_rl.training.config_file import config_values, lasting_values, load_config


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run(tmp_path_factory.mktemp("runs"), compile=False, total_frames=100)


class Saved:
    """A checkpoint of a small buffer and net in a folder, to damage."""

    def __init__(self, folder: Path) -> None:
        self.folder, buffer = folder, make_buffer()
        buffer.extend(rows(20))
        RunCheckpoint(folder, {"alpha": 0.1}, BufferState(buffer), net=torch.nn.Linear(2, 2)).save(1)
        (self.path,) = saved_checkpoints(folder)
        self.manifest = json.loads((self.path / "manifest.json").read_text())
        del self.manifest["sha256"]

    def write(self, name: str, content: bytes) -> None:
        """Replace a file, and its checksum, as somebody would who wants it to be read."""
        (self.path / name).write_bytes(content)
        self.manifest["files"][name] = {"bytes": len(content), "sha256": digest([content])}
        self.seal()

    def seal(self) -> None:
        (self.path / "manifest.json").write_bytes(render_manifest(self.manifest))

    def restore(self) -> bool:
        return RunCheckpoint(
            self.folder, {"alpha": 0.1}, BufferState(make_buffer()), net=torch.nn.Linear(2, 2)
        ).restore()


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    return Saved(tmp_path)


def assert_refused(read: Callable[[], object], words: str) -> None:
    with pytest.raises(UsageError, match=words) as refusal:
        read()
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 600


def damage(content: bytes, draw: random.Random) -> bytes:
    """Flip a bit, or cut the end off."""
    at = draw.randrange(len(content))
    if draw.random() < 0.2:
        return content[:at]
    return content[:at] + bytes([content[at] ^ (1 << draw.randrange(8))]) + content[at + 1 :]


CASES = [range(100), pytest.param(range(100, 1000), marks=pytest.mark.slow)]


@pytest.mark.parametrize("cases", CASES, ids=len)
def test_a_checkpoint_with_a_flipped_bit_or_cut_short_is_refused(cases: range, saved: Saved) -> None:
    assert saved.restore()
    for case in cases:
        draw = random.Random(case)
        path = draw.choice(sorted(saved.path.iterdir()))
        content = path.read_bytes()
        path.write_bytes(damage(content, draw))
        assert_refused(saved.restore, r"checkpoint '.*' cannot be restored \(.*\); delete that folder")
        path.write_bytes(content)
    assert saved.restore()


def policy_content(folder: Path) -> dict[str, object]:
    policy = load_policy(folder)
    return {"env_id": policy.env_id, **policy.state_dict()}


@pytest.mark.parametrize("cases", CASES, ids=len)
@pytest.mark.parametrize(("name", "read"), [("policy.pt", policy_content), ("critics.pt", load_critics)])
def test_a_policy_with_a_flipped_bit_or_cut_short_is_refused(
    name: str, read: Callable[[Path], dict], cases: range, run: Path, tmp_path: Path
) -> None:
    """Or it is the same policy: some bytes of the format mean nothing. So with its critics."""
    shutil.copy(run / "policy.pt", tmp_path)
    content, whole = (run / name).read_bytes(), read(run)
    refused = 0
    for case in cases:
        (tmp_path / name).write_bytes(damage(content, random.Random(case)))
        try:
            assert_equal(read(tmp_path), whole)
        except UsageError:
            refused += 1
    assert refused > len(cases) / 2


@pytest.mark.parametrize("cases", CASES, ids=len)
def test_a_configuration_with_a_flipped_bit_or_cut_short_is_refused(cases: range, run: Path, tmp_path: Path) -> None:
    """Or it differs in nothing, or in a value: then the checkpoint, which has a copy, refuses it."""
    content, whole = (run / "config.json").read_bytes(), lasting_values(load_config(Config, run / "config.json"))
    manifest = json.loads((saved_checkpoints(run)[-1] / "manifest.json").read_text())
    assert manifest["config"] == whole
    for case in cases:
        path = tmp_path / "config.json"
        path.write_bytes(damage(content, random.Random(case)))
        try:
            config = load_config(Config, path)
        except UsageError:
            continue
        if lasting_values(config) != whole:
            checkpoint = RunCheckpoint(run, lasting_values(config), BufferState(make_buffer()))
            assert_refused(checkpoint.restore, "only total_frames may change")


class Attack:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("dump", [torch.save, pickle.dump], ids=["torch", "pickle"])
def test_what_is_pickled_is_not_run(dump: Callable, saved: Saved, tmp_path: Path) -> None:
    for content in (Attack(tmp_path / "ran"), {"state_dict": Attack(tmp_path / "ran"), "format": "sher_rl.policy/3"}):
        with (tmp_path / "policy.pt").open("wb") as file:
            dump(content, file)
        assert_refused(lambda: load_policy(tmp_path / "policy.pt"), "holds no policy")
        saved.write("state.pt", (tmp_path / "policy.pt").read_bytes())
        assert_refused(saved.restore, "cannot be restored")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name",
    ["../rows-00000.raw", "/etc/passwd", "rows-00000.raw/../../x", "other.pickle", "rows-0.raw", "rows-00000.raw\n"],
)
def test_a_path_cannot_leave_the_checkpoint(name: str, saved: Saved) -> None:
    saved.manifest["files"][name] = saved.manifest["files"].pop("rows-00000.raw")
    saved.seal()
    assert_refused(saved.restore, "which no checkpoint has")


@pytest.mark.parametrize("name", ["state.pt", "rows-00000.raw"])
def test_a_link_is_not_followed(name: str, saved: Saved, tmp_path: Path) -> None:
    shutil.move(saved.path / name, tmp_path / "elsewhere")
    (saved.path / name).symlink_to(tmp_path / "elsewhere")
    assert_refused(saved.restore, f"{name} is missing")


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 10**12},
        {"rows": -1},
        {"rows": 19},
        {"rows": None},
        {"revision": "x"},
        {"columns": []},
        {"columns": [[["observation"], "load", [3]]]},
        {"columns": [[["observation"], "onnx", [3]]]},
        {"columns": [[["observation"], "float32", [-3]]]},
        {"columns": [[["observation"], "float32", [10**15]]]},
        {"columns": {"observation": 3}},
    ],
    ids=str,
)
def test_a_crafted_description_of_the_rows_is_refused(change: dict, saved: Saved) -> None:
    saved.manifest["buffer"] |= change
    saved.seal()
    assert_refused(saved.restore, "cannot be restored")


@pytest.mark.parametrize(
    "state",
    [
        {},
        [],
        {"buffer": {}},
        {"buffer": {"sampler": {}, "writer": {"_cursor": 0}, "transform": {}, "generator": None}, "net": {"weight": 3}},
    ],
    ids=str,
)
def test_a_crafted_state_is_refused(state: object, saved: Saved, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "state.pt")
    saved.write("state.pt", (tmp_path / "state.pt").read_bytes())
    assert_refused(saved.restore, "cannot be restored")


@pytest.mark.parametrize("manifest", [b"", b"{}", b"[]", b"null", b"[" * 100_000, b"\xff\x00", b'{"sha256": "x"}'])
def test_a_manifest_that_is_none_is_refused(manifest: bytes, saved: Saved) -> None:
    (saved.path / "manifest.json").write_bytes(manifest)
    assert_refused(saved.restore, "cannot be restored")


@pytest.mark.parametrize(
    "change",
    [{"alpha": [1]}, {"alpha": "0.1"}, {"gamma": None}, {"hidden": [1.5]}, {"hidden": "12"}, {"num_envs": True}],
)
def test_a_configuration_of_wrong_types_is_refused(change: dict, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config_values(small_config(tmp_path)) | change))
    name = next(iter(change))
    assert_refused(lambda: load_config(Config, tmp_path / "config.json"), f"is no configuration of a run .*{name} is ")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"alpha": ' + "9" * 5_000 + "}", '{"__class__": "os.system"}'])
def test_a_crafted_configuration_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    assert_refused(lambda: load_config(Config, tmp_path / "config.json"), "is no configuration of a run")
