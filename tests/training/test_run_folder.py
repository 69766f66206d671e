import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers.small import small_config

from sher_rl import UsageError
from sher_rl.training.run_folder import run_folder


def test_the_folder_is_named_after_the_run(tmp_path: Path) -> None:
    with run_folder(small_config(tmp_path, run_name=None, seed=4)) as folder:
        assert folder.name.startswith("fetch_reach-sher-s4-20")
        assert {path.name for path in folder.iterdir()} == {"config.json", "versions.json", ".lock"}


def test_a_folder_in_use_or_out_of_reach_gets_one_sentence(tmp_path: Path) -> None:
    with run_folder(small_config(tmp_path)):
        pass
    with pytest.raises(UsageError, match="is not empty; choose another --run-name"), run_folder(small_config(tmp_path)):
        pass
    config = small_config(tmp_path / "run" / "config.json")
    with pytest.raises(UsageError, match=r"cannot be written \((Not a directory|File exists)\)"), run_folder(config):
        pass


def test_a_folder_is_held_from_its_beginning_and_when_it_is_resumed(tmp_path: Path) -> None:
    resumed = small_config(tmp_path, resume=tmp_path / "run")
    for config in (small_config(tmp_path), resumed):
        with (
            run_folder(config),
            pytest.raises(UsageError, match="is in use by another process; wait until that has ended"),
            run_folder(resumed),
        ):
            pass


@pytest.mark.parametrize("name", "abcdef")
def test_of_two_starts_of_one_name_at_once_one_gets_the_folder(name: str, tmp_path: Path) -> None:
    config, count = small_config(tmp_path, run_name=name), 4
    barrier = threading.Barrier(count, timeout=60)

    def start(_: int) -> str:
        barrier.wait()
        try:
            with run_folder(config):
                barrier.wait()  # until the others have tried
            return "started"
        except UsageError as error:
            barrier.wait()
            return str(error)

    with ThreadPoolExecutor(count) as pool:
        started, *refused = sorted(pool.map(start, range(count)), key="started".__ne__)
    assert started == "started"
    assert all(sentence.startswith(f"run folder '{tmp_path / name}' ") for sentence in refused)
    assert {path.name for path in (tmp_path / name).iterdir()} == {"config.json", "versions.json", ".lock"}
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_what_a_killed_process_left_is_gone_when_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / ".config.json.0123456789abcdef.part").write_bytes(b"{")
    (tmp_path / "config.json").write_bytes(b"{}")
    with run_folder(small_config(tmp_path, resume=tmp_path)):
        assert {*os.listdir(tmp_path)} == {"config.json", ".lock"}
