from pathlib import Path

import pytest
import torch
from helpers.csv_rows import row, run, write

from sher_rl import UsageError
from sher_rl.report import summary_table
from sher_rl.report.runs import METHODS
from sher_rl.report.tables import delta_table, machine_list, missing_list, success_table
from sher_rl.training.progress import Progress


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "run-a"
    path.mkdir()
    progress = Progress(path, 300)
    for train, test in ((0.0, 0.25), (0.5, 1.0), (1.0, 0.75)):
        progress.collected(100, torch.tensor([train]))
        progress.row(torch.tensor([test]))
    return path


def test_the_table_has_last_best_first_time_and_delta_s(folder: Path) -> None:
    line = summary_table([folder]).splitlines()[-1]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:2] == ["run-a", "300"]
    assert cells[3:7] == ["1.00", "0.75", "1.00", "200"]
    assert cells[8] == "0.333"  # (0.25 + 0.5 + 0.25) / 3


def test_an_interval_without_a_training_episode_is_left_out_of_delta_s(tmp_path: Path) -> None:
    nan = float("nan")
    some = summary_table([write(tmp_path, "a", [row(100, nan, 0.5), row(200, 0.5, 0.75)])])
    assert some.endswith("| 0.50 | 0.75 | 0.75 | not reached | not reached | 0.250 |")
    none = summary_table([write(tmp_path, "b", [row(100, nan, 0.5)])])
    assert none.endswith("| – | 0.50 | 0.50 | not reached | not reached | – |")


def test_a_level_never_reached_is_said(folder: Path) -> None:
    assert summary_table([folder], level=1.01).count("not reached") == 2


def test_no_run_and_an_empty_run_get_one_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no progress\.csv"):
        summary_table([tmp_path / "nothing"])
    text = (folder / "progress.csv").read_text().splitlines()[0]
    (folder / "progress.csv").write_text(text + "\n")
    with pytest.raises(UsageError, match="has no evaluation yet"):
        summary_table([folder])


def cells(table: str, task: str, method: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith(f"| {task} | {method} |")]
    return [[cell.strip() for cell in line.strip("|").split("|")][2:] for line in lines]


def test_each_cell_of_table_1_that_was_run_has_the_papers_value_and_ours() -> None:
    greedy = {"train_success_greedy": 0.25, "train_greedy_episodes": 25}
    runs = [run("fetch_push", "sher", 0, [0.5, 0.75], **greedy), run("fetch_push", "sher", 1, [0.5, 0.5], **greedy)]
    table = delta_table(runs)
    assert len(table.splitlines()) == 2 + 1
    [[seeds, paper, delta, floor, same, same_floor, change, epochs]] = cells(table, "FetchPush", "SHER")
    assert (seeds, paper, delta, epochs) == ("0, 1", "0.014", "0.062 ± 0.088", "2 of 100 steps")
    assert (same, change) == ("0.312 ± 0.088", "0.125 ± 0.177")
    assert 0 < float(floor.split()[0]) < float(same_floor.split()[0])
    [egg] = cells(delta_table([run("hand_egg", "her", 0, [0.5])]), "HandManipulateEgg", "HER")
    assert egg[4:7] == ["–"] * 3


def test_table_1_has_the_runs_of_a_task_up_to_the_same_steps() -> None:
    runs = [run("fetch_push", "sher", 0, [0.5, 0.5, 1.0]), run("fetch_push", "her", 0, [0.5, 0.5])]
    table = delta_table(runs)
    assert cells(table, "FetchPush", "SHER")[0][2:] == cells(table, "FetchPush", "HER")[0][2:]


def test_success_and_times_stand_seed_by_seed() -> None:
    runs = [run("fetch_push", "her", 0, [0.5, 1.0, 1.0]), run("fetch_push", "her", 1, [0.5, 0.5, 0.5])]
    [[seeds, steps, last, _, frames, seconds, made_on]] = cells(success_table(runs, 0.9), "FetchPush", "HER")
    assert (seeds, steps, last) == ("0, 1", "300", "0.75 ± 0.35")
    assert (frames, seconds, made_on) == ("300, not reached", "30, not reached", "–")
    assert cells(success_table(runs), "FetchPush", "SHER") == []


def test_seeds_that_went_further_have_a_second_row() -> None:
    runs = [run("fetch_push", "her", 0, [0.5, 0.5, 1.0]), run("fetch_push", "her", 1, [0.5, 0.5])]
    both, longer = cells(success_table(runs), "FetchPush", "HER")
    assert both[:3] == ["0, 1", "200", "0.50 ± 0.00"]
    assert longer[:3] == ["0", "300", "1.00"]


def test_seconds_stand_beside_the_machine_that_they_are_of() -> None:
    one, other = (run("fetch_push", "sher", seed, [0.5]) for seed in (0, 1))
    runs = [
        one._replace(machine="X, 1 thread"),
        other._replace(machine="Y, 2 threads"),
        run("fetch_push", "her", 0, [0.5]),
    ]
    table = success_table(runs)
    assert cells(table, "FetchPush", "SHER")[0][-1] == "A, B"
    assert cells(table, "FetchPush", "HER")[0][-1] == "–"
    assert machine_list(runs) == "- A: X, 1 thread\n- B: Y, 2 threads"
    assert machine_list(runs[2:]) == "- not known"


def test_what_is_missing_is_listed() -> None:
    runs = [run("fetch_push", method, seed, [0.5]) for method in METHODS for seed in (3, 4, 5)]
    assert missing_list(runs, METHODS, ["fetch_push"]) == "- nothing"
    assert missing_list(runs, {"sher": "SHER"}, ["fetch_push", "hand_pen"]) == "- HandManipulatePen, SHER: no run"
    few = [run("fetch_push", "sher", 0, [0.5, 0.5]), *(run("fetch_push", "sher", seed, [0.5]) for seed in (1, 2))]
    words = "- FetchPush, SHER: seeds 1, 2 up to 100 of 200 steps"
    assert missing_list(few, {"sher": "SHER"}, ["fetch_push"]) == words
    words = "- FetchPush, SHER: only seeds 0, 1; seed 1 up to 100 of 200 steps"
    assert missing_list(few[:2], {"sher": "SHER"}, ["fetch_push"]) == words


@pytest.mark.parametrize("name", ["a | b", "a\nb", "[a](http:b)", "$a$", "<b>"])
def test_a_name_does_not_leave_its_cell(name: str, folder: Path) -> None:
    named = folder.rename(folder.parent / name.replace("/", ""))
    head, _, row = summary_table([named]).split("\n")
    assert row.count("|") == head.count("|")
    assert not {*row} & {*"[]<>$"}
