from pathlib import Path

import pytest
from helpers.small import small_config

from sher_rl import UsageError
from sher_rl.training.run_folder import make_run_folder


def test_the_folder_is_named_after_the_run(tmp_path: Path) -> None:
    folder = make_run_folder(small_config(tmp_path, run_name=None, seed=4))
    assert folder.name.startswith("fetch_reach-sher-s4-20")
    assert {path.name for path in folder.iterdir()} == {"config.json", "versions.json"}


def test_a_folder_in_use_or_out_of_reach_gets_one_sentence(tmp_path: Path) -> None:
    make_run_folder(small_config(tmp_path))
    with pytest.raises(UsageError, match="is not empty; choose another --run-name"):
        make_run_folder(small_config(tmp_path))
    with pytest.raises(UsageError, match=r"cannot be written \(Not a directory\)"):
        make_run_folder(small_config(tmp_path / "run" / "config.json"))
