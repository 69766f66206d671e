import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from sher_rl import UsageError
from sher_rl.files import new_folder, read_checked, remove_parts, replace_file, write_file


@contextmanager
def small_disk() -> Iterator[None]:
    """Files of 1,000 bytes at most; not longer than the call, since pytest's own output may be a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "policy.pt"
    replace_file(path, b"one")
    replace_file(path, b"two")
    sentence = r"policy.pt' cannot be written \(File too large\); it is as it was"
    with pytest.raises(UsageError, match=sentence), small_disk():
        replace_file(path, bytes(2_000))
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["policy.pt"]


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    for name in ("a", "a.part", ".a.part", "to nothing"):
        (tmp_path / name).symlink_to(victim if "a" in name else tmp_path / "nothing")
        with pytest.raises(FileExistsError):
            write_file(tmp_path / name, [b"theirs"])
    replace_file(tmp_path / "a", b"theirs")
    assert not (tmp_path / "a").is_symlink()
    assert (tmp_path / "a").read_bytes() == b"theirs"
    assert victim.read_bytes() == b"mine"
    assert not (tmp_path / "nothing").exists()


def test_a_file_is_as_open_to_others_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    replace_file(tmp_path / "replaced", b"")
    assert (tmp_path / "replaced").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".7.0123.part" / "folder").mkdir(parents=True)
    (tmp_path / ".a.0123.part").write_bytes(b"half")
    (tmp_path / ".b.0123.part").symlink_to(tmp_path / "kept", target_is_directory=True)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / ".c.0123.part").write_bytes(b"")
    remove_parts(tmp_path)
    assert os.listdir(tmp_path) == ["kept"]
    assert os.listdir(tmp_path / "kept") == [".c.0123.part"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with suppress(KeyboardInterrupt), new_folder(tmp_path / "7") as part:
        write_file(part / "a", [b"1"])
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []
    with new_folder(tmp_path / "7") as part:
        write_file(part / "a", [b"1"])
        assert not (tmp_path / "7").exists()
    assert (tmp_path / "7" / "a").read_bytes() == b"1"
    assert os.listdir(tmp_path) == ["7"]


def test_a_file_is_read_only_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a"
    record = write_file(path, [b"one", b"two"])
    assert record == {"bytes": 6, "sha256": "25b6746d5172ed6352966a013d93ac846e1110d5a25e8f183b5931f4688842a1"}
    assert bytes(read_checked(path, record)) == b"onetwo"
    for content in (b"onetwoo", b"onetwO", b""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="a does not match its checksum"):
            read_checked(path, record)
    path.unlink()
    (tmp_path / "b").write_bytes(b"onetwo")
    path.symlink_to(tmp_path / "b")
    with pytest.raises(ValueError, match="a is missing"):
        read_checked(path, record)
