from pathlib import Path

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
