import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from sher_rl import UsageError
from sher_rl.files import new_folder, read_checked, replace_file, write_file


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
        with pytest.raises(ValueError, match=r"a (is missing|does not match)"):
            read_checked(path, record)
    path.unlink()
    (tmp_path / "b").write_bytes(b"onetwo")
    path.symlink_to(tmp_path / "b")
    with pytest.raises(ValueError, match="a is missing"):
        read_checked(path, record)
