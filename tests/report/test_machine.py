import json
from pathlib import Path

import pytest

from sher_rl.report.machine import machine

VERSIONS = {"processor": "AMD EPYC, AVX512, BF16", "torch_threads": 1}


def test_a_csv_has_it_beside_it_and_a_folder_in_it(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"versions": VERSIONS}))
    assert machine(tmp_path / "run.csv") == "AMD EPYC, AVX512, BF16, 1 thread"
    (tmp_path / "versions.json").write_text(json.dumps(VERSIONS | {"torch_threads": 2}))
    assert machine(tmp_path) == "AMD EPYC, AVX512, BF16, 2 threads"
    assert machine(tmp_path / "progress.csv") == "AMD EPYC, AVX512, BF16, 2 threads"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"versions": []}', '{"versions": {"processor": 1}}'])
def test_where_no_file_tells_it_there_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    assert machine(tmp_path / "run.csv") == ""
    assert machine(tmp_path / "other.csv") == ""
    assert machine(tmp_path) == ""


def test_a_name_does_not_leave_its_cell(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"versions": {"processor": "a | b\n", "torch_threads": 1}}))
    assert not {*machine(tmp_path / "run.csv")} & {*"|\n"}
