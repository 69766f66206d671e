from helpers.csv_rows import run

from sher_rl.report.common import common_end, cut, lengths, on_one_grid


def test_runs_are_cut_to_what_all_have_with_a_hundredth_of_slack() -> None:
    runs = [run("fetch_push", "sher", 0, [0.1, 0.2, 0.3]), run("fetch_push", "her", 0, [0.4, 0.5])]
    assert common_end(runs) == 200
    assert [row["frames"] for row in cut(runs[0], 200).rows] == [100, 200]
    assert cut(runs[0], 298).end == 300
    assert cut(runs[0], 290).end == 200


def test_longer_runs_are_at_each_length_that_they_reach() -> None:
    runs = [run("fetch_push", "sher", seed, [0.1] * count) for seed, count in enumerate((2, 4, 2, 6))]
    stages = [[(each.seed, each.end) for each in stage] for stage in lengths(runs)]
    assert stages == [[(0, 200), (1, 200), (2, 200), (3, 200)], [(1, 400), (3, 400)], [(3, 600)]]
    assert lengths([]) == []


def test_the_grid_is_that_of_the_fewest_evaluations_and_nothing_is_interpolated() -> None:
    often = run("fetch_push", "her", 0, [0.1, 0.2, 0.3, 0.4])
    seldom = run("fetch_push", "sher", 0, [0.5, 0.6])
    for row, frames in zip(seldom.rows, (198, 401), strict=True):
        row["frames"] = frames
    steps, (hers, ours) = on_one_grid([often, seldom])
    assert steps == [198, 401]
    assert hers.tolist() == [0.2, 0.4]
    assert ours.tolist() == [0.5, 0.6]
