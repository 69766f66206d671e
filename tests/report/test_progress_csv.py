import os
from pathlib import Path

import pytest
from helpers.csv_rows import row, write

from sher_rl import UsageError
from sher_rl.report.progress_csv import COLUMNS, read_progress


@pytest.mark.parametrize("text", ["frames,updates\n1,2\n", ",".join(COLUMNS) + "\n" + "x," * 17 + "x\n"])
def test_a_file_that_is_no_progress_csv_gets_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "progress.csv").write_text(text)
    with pytest.raises(UsageError, match=r"is no progress\.csv of a run"):
        read_progress(tmp_path / "progress.csv")


def test_results_from_before_a_column_are_read_with_nan(tmp_path: Path) -> None:
    lines = (",".join(COLUMNS[:18]), ",".join(map(str, range(18))))
    (tmp_path / "progress.csv").write_text("\n".join(lines) + "\n")
    [row] = read_progress(tmp_path / "progress.csv")
    assert list(row) == list(COLUMNS)
    assert (row["frames"], row["q_max"]) == (0.0, 17.0)
    assert row["train_success_greedy"] != row["train_success_greedy"]


@pytest.mark.parametrize("frames", ["", "nan", "inf", "1;2", "9" * 200_000])
def test_frames_that_are_no_number_get_one_sentence(frames: str, tmp_path: Path) -> None:
    (tmp_path / "progress.csv").write_text(
        ",".join(COLUMNS) + "\n" + ",".join([frames, *("0" for _ in COLUMNS[1:])]) + "\n"
    )
    with pytest.raises(UsageError, match=r"is no progress\.csv of a run") as refusal:
        read_progress(tmp_path / "progress.csv")
    assert len(str(refusal.value)) < 400


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "progress.csv")
    with pytest.raises(UsageError, match=r"is no progress\.csv of a run \(no plain file\)"):
        read_progress(tmp_path / "progress.csv")


@pytest.mark.parametrize("column", ["frames", "seconds", "test_success"])
@pytest.mark.parametrize("cell", ["", "nan", "inf"])
def test_a_row_without_the_numbers_of_every_evaluation_gets_one_sentence(
    column: str, cell: str, tmp_path: Path
) -> None:
    path = write(tmp_path, "progress", [row(5), row(7) | {column: cell}])
    with pytest.raises(UsageError, match=rf"is no progress\.csv of a run .*row 2 has no {column}"):
        read_progress(path)
