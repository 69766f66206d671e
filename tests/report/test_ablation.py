from helpers.csv_rows import run

from sher_rl.report.ablation import ablation_table


def test_both_methods_stand_with_the_parts_and_without_them() -> None:
    runs = [
        run("fetch_push", "sher", 0, [0.2, 0.8, 1.0]),
        run("fetch_push", "sher", 1, [0.4, 0.6]),
        run("fetch_push", "her-parts", 0, [0.0, 0.5]),
        run("fetch_push", "sher-bare", 0, [0.1, 0.3]),
        run("fetch_push", "her", 0, [0.0, 0.1]),
        run("fetch_push", "cher", 0, [0.0, 0.1]),
        run("fetch_reach", "sher", 0, [1.0, 1.0]),
    ]
    assert ablation_table(runs).split("\n")[2:] == [
        "| FetchPush | SHER's | SHER | 0, 1 | 200 | 0.70 ± 0.14 | 0.50 ± 0.00 |",
        "| FetchPush | SHER's | HER | 0 | 200 | 0.50 | 0.25 |",
        "| FetchPush | HER's | SHER | 0 | 200 | 0.30 | 0.20 |",
        "| FetchPush | HER's | HER | 0 | 200 | 0.10 | 0.05 |",
    ]


def test_a_task_without_such_runs_has_no_rows() -> None:
    assert (
        ablation_table([run("fetch_push", "sher", 0, [1.0]), run("fetch_push", "her", 0, [0.1])]) == "No run of it yet."
    )
