import csv
from pathlib import Path

import pytest

from sher_rl.training.csv_file import CsvFile


def test_the_header_comes_once_and_cells_that_lack_stay_empty(tmp_path: Path) -> None:
    file = CsvFile(tmp_path / "progress.csv")
    assert file.text() == ""
    file.add({"frames": 1_234_567, "q_mean": 1 / 3}, ["frames", "q_mean", "alpha"])
    file.add({"frames": 2_000_000, "alpha": 0.5}, ["frames", "q_mean", "alpha"])
    lines = ["frames,q_mean,alpha", "1234567,0.333333,", "2000000,,0.5"]
    assert file.text().splitlines() == lines


def test_what_was_in_it_comes_back(tmp_path: Path) -> None:
    file = CsvFile(tmp_path / "progress.csv")
    file.add({"frames": 1}, ["frames"])
    before = file.text()
    file.add({"frames": 2}, ["frames"])
    file.restore(before)
    assert file.text() == before
    file.delete()
    file.delete()
    assert not file.path.exists()


RESULTS = sorted((Path(__file__).parents[2] / "docs" / "results").glob("*.csv"))


@pytest.mark.parametrize("path", RESULTS[:: len(RESULTS) // 5], ids=lambda path: path.stem)
def test_what_runs_wrote_is_written_anew_to_the_byte(path: Path, tmp_path: Path) -> None:
    file = CsvFile(tmp_path / "progress.csv")
    file.restore(path.read_bytes().decode())
    assert file.path.read_bytes() == path.read_bytes()


def test_numbers_are_all_that_is_taken_from_a_text(tmp_path: Path) -> None:
    file = CsvFile(tmp_path / "progress.csv")
    file.restore("frames,q_mean,alpha\n 1_0 ,nan,1e3\n20,,-inf\n")
    assert file.text() == "frames,q_mean,alpha\r\n10,nan,1000\r\n20,,-inf\r\n"


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/sh\n",
        "frames\n1;id\n",
        "frames\n1,2\n",
        "frames,frames\n1\n",
        "frames,=cmd()\n1,2\n",
        '"frames\n',
        "\n1",
    ],
)
def test_a_text_that_is_no_csv_of_a_run_leaves_the_file_as_it_was(text: str, tmp_path: Path) -> None:
    file = CsvFile(tmp_path / "progress.csv")
    file.add({"frames": 1}, ["frames"])
    before = file.text()
    with pytest.raises((ValueError, csv.Error)):
        file.restore(text)
    assert file.text() == before == file.path.read_bytes().decode()
