import math

import numpy as np
import pytest
from helpers.csv_rows import row, run

from sher_rl.report.statistics import curve, iqm, iqm_interval, mean_std, reached, sampling_floor, stability


def test_a_curve_has_only_evaluations_that_every_run_has() -> None:
    runs = [run("fetch_push", "sher", 0, [0.0, 0.5, 1.0]), run("fetch_push", "sher", 1, [0.2, 0.4])]
    runs[1].rows.append(row(250, test=0.9))
    frames, values = curve(runs)
    assert frames.tolist() == [100, 200]
    assert values.tolist() == [[0.0, 0.5], [0.2, 0.4]]


def test_one_run_has_a_line_and_no_band() -> None:
    for summary in (mean_std, iqm_interval):
        line, low, high = summary(np.array([[0.25, 0.75]]))
        assert line.tolist() == [0.25, 0.75]
        assert np.isnan([low, high]).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.0, 0.0, 0.9], 0.3), ([0.0, 0.1, 0.2, 0.3, 1.0], 0.2), ([0, 0, 0.2, 0.2, 0.4, 0.4, 1, 1], 0.3)],
)
def test_the_interquartile_mean_drops_a_quarter_at_each_end(values: list[float], expected: float) -> None:
    assert iqm(np.array(values)) == pytest.approx(expected)


def test_the_interval_holds_the_mean_of_most_samples_and_repeats_itself() -> None:
    draw = np.random.default_rng(1)
    samples = draw.normal(0.5, 0.1, (20, 200))
    line, low, high = iqm_interval(samples)
    assert (low < line).all()
    assert (line < high).all()
    assert 0.85 < ((low < 0.5) & (high > 0.5)).mean() < 0.99
    assert np.array_equal(iqm_interval(samples)[1], low)


@pytest.mark.parametrize(
    ("tests", "frames"), [([0.9, 0.5, 0.9, 0.95], 400), ([1.0, 1.0], 200), ([0.5, 1.0], None), ([1.0], None)]
)
def test_a_level_is_reached_twice_in_a_row(tests: list[float], frames: int | None) -> None:
    found = reached(run("fetch_push", "sher", 0, tests).rows, 0.9)
    assert (found and found["frames"]) == frames


def test_the_sampling_floor_is_what_two_samples_of_one_rate_differ_by() -> None:
    draw = np.random.default_rng(0)
    rates = draw.binomial(40, 0.7, 20_000) / 40, draw.binomial(100, 0.7, 20_000) / 100
    assert np.abs(rates[0] - rates[1]).mean() == pytest.approx(sampling_floor(0.7, 0.7, 40, 100), rel=0.02)
    assert (sampling_floor(0.0, 0.0, 5, 5), sampling_floor(1.0, 1.0, 20, 100)) == (0.0, 0.0)


def test_stability_is_the_mean_over_epochs() -> None:
    greedy = {"train_success_greedy": 0.6, "train_greedy_episodes": 25}
    rows = [row(1, train=0.25, test=0.5, **greedy), row(2, train=0.75, test=0.5, **greedy), row(3, 0.5, 1.0, **greedy)]
    found = stability(rows)
    assert found.delta_s == pytest.approx((0.25 + 0.25 + 0.5) / 3)
    assert found.greedy == pytest.approx((0.1 + 0.1 + 0.4) / 3)
    assert found.change == 0.25
    pairs = [(0.25, 0.5), (0.75, 0.5), (0.5, 1.0)]
    assert found.floor == pytest.approx(np.mean([sampling_floor(*pair, 40, 100) for pair in pairs]))
    assert found.greedy_floor == pytest.approx(np.mean([sampling_floor(0.6, t, 25, 100) for t in (0.5, 0.5, 1.0)]))


def test_what_the_csv_does_not_tell_stays_unknown() -> None:
    found = stability([row(1), row(2)])
    assert math.isnan(found.greedy)
    assert math.isnan(found.greedy_floor)
    assert math.isnan(stability([row(1)]).change)
