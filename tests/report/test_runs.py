from pathlib import Path

import pytest
from helpers.csv_rows import row, run, write

from sher_rl import UsageError
from sher_rl.report.runs import gaps, read_run, read_runs

RESULTS = Path(__file__).parents[2] / "docs" / "results"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fetch_pick_and_place-her-s12", ("fetch_pick_and_place", "her", 12)),
        ("fetch_slide-sher-a0.05-s0", ("fetch_slide", "sher-a0.05", 0)),
        ("fetch_push-her-parts-s2", ("fetch_push", "her-parts", 2)),
        ("hand_egg-cher-s1-20260102-030405", ("hand_egg", "cher", 1)),
    ],
)
def test_a_name_tells_task_method_and_seed(name: str, expected: tuple, tmp_path: Path) -> None:
    assert read_run(write(tmp_path, name, [row(5)]))[:3] == expected


def test_a_folder_and_its_progress_csv_are_called_alike(tmp_path: Path) -> None:
    folder = tmp_path / "fetch_push-sher-s3"
    folder.mkdir()
    write(folder, "progress", [row(5), row(7)])
    for path in (folder, folder / "progress.csv"):
        assert read_run(path)[:3] == ("fetch_push", "sher", 3)
        assert read_run(path).end == 7


@pytest.mark.parametrize(
    "name", ["run-a", "fetch_fly-sher-s0", "fetch_push-sher", "fetch_push-sher-s0-tuned", "fetch_push-her-all-s0"]
)
def test_other_names_get_one_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is of no known task and seed; call it like"):
        read_run(write(tmp_path, name, [row(5)]))


def test_a_run_given_twice_gets_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path, "fetch_push-sher-s0", [row(5)])
    with pytest.raises(UsageError, match="is given twice"):
        read_runs([path, path])


def test_the_results_of_this_repository_are_read() -> None:
    runs = read_runs(sorted(RESULTS.glob("*.csv")))
    assert {run.variant for run in runs} >= {"sher", "her", "cher"}
    assert all(run.end >= 10_000 for run in runs)


def test_gaps_are_runs_seeds_and_ends() -> None:
    runs = [run("fetch_push", "sher", seed, [0.1, 0.2]) for seed in (0, 1, 2)]
    runs += [run("fetch_push", "her", 0, [0.1]), run("fetch_reach", "her", 0, [0.1])]
    assert gaps(runs, "fetch_push", "sher") == []
    assert gaps(runs, "fetch_push", "cher") == ["no run"]
    assert gaps(runs, "fetch_push", "her") == ["only seed 0", "seed 0 up to 100 of 200 steps"]
    assert gaps(runs, "fetch_reach", "her") == ["only seed 0"]
