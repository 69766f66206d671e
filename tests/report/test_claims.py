import pytest
from helpers.csv_rows import row, run

from sher_rl.report.claims import FAILS, HOLDS, OPEN, alike, compared_tasks, delta, last_success, order, speed
from sher_rl.report.claims_section import claims_section
from sher_rl.report.runs import METHODS, TITLES, Run


def runs_of(task: str = "fetch_push", **tests: list[list[float]]) -> list[Run]:
    """Runs of a task: for each method the test successes of each seed."""
    return [run(task, method, seed, each) for method, seeds in tests.items() for seed, each in enumerate(seeds)]


SLOW = [[0.0, 0.0, 0.0, 0.8, 0.9], [0.0, 0.0, 0.0, 0.8, 0.9], [0.0, 0.0, 0.8, 0.8, 0.9]]
FAST = [[0.0, 0.8, 0.8, 0.9, 1.0], [0.0, 0.8, 0.8, 1.0, 1.0], [0.8, 0.8, 0.8, 1.0, 1.0]]
NEVER = [[0.0, 0.1, 0.0, 0.1, 0.0]] * 3


def test_the_faster_method_reaches_half_of_the_best_in_fewer_steps() -> None:
    [task] = compared_tasks(runs_of(sher=FAST, her=SLOW, cher=NEVER))
    found = speed(task)
    assert (found.subject, found.verdict) == ("FetchPush", HOLDS)
    assert found.numbers == "Steps to 0.50: SHER 300, 300, 200; HER 500, 500, 400; CHER not reached"
    [task] = compared_tasks(runs_of(sher=SLOW, her=FAST, cher=NEVER))
    assert speed(task).verdict == FAILS
    [task] = compared_tasks(runs_of(sher=FAST, her=FAST, cher=NEVER))
    assert speed(task).verdict == OPEN


def test_where_nothing_is_learned_there_is_no_speed() -> None:
    [task] = compared_tasks(runs_of(sher=NEVER, her=NEVER, cher=NEVER))
    assert speed(task) == ("FetchPush", OPEN, "No method has 0.2 at 500 steps")


def test_last_success_is_compared_at_the_steps_that_all_have() -> None:
    longer = [[*each, 0.0] for each in FAST]
    [task] = compared_tasks(runs_of(sher=longer, her=SLOW, cher=SLOW))
    found = last_success(task)
    words = "Success after 500 steps: SHER 1.00, 1.00, 1.00; HER 0.90, 0.90, 0.90; CHER 0.90, 0.90, 0.90"
    assert found == ("FetchPush", HOLDS, words)


def test_equal_is_not_better_and_two_seeds_or_one_rival_show_nothing() -> None:
    for tests, verdict in (
        ({"sher": FAST, "her": FAST, "cher": NEVER}, FAILS),
        ({"sher": FAST[:2], "her": NEVER, "cher": NEVER}, OPEN),
        ({"sher": FAST, "her": NEVER}, OPEN),
    ):
        [task] = compared_tasks(runs_of(**tests))
        assert last_success(task).verdict == verdict
    assert compared_tasks(runs_of(sher=FAST)) == []
    assert compared_tasks(runs_of(her=FAST, cher=FAST)) == []


def test_delta_s_is_compared_seed_by_seed() -> None:
    close = [Run("fetch_push", "sher", seed, [row(100, train=0.5, test=0.55)]) for seed in range(3)]
    far = [Run("fetch_push", method, seed, [row(100, 0.5, 0.7)]) for method in ("her", "cher") for seed in range(3)]
    [task] = compared_tasks([*close, *far])
    assert delta(task).verdict == HOLDS
    assert delta(task).numbers.startswith("δS: SHER 0.050, 0.050, 0.050; HER 0.200")


@pytest.mark.parametrize(
    ("last", "verdict"), [([0.9, 0.95, 1.0], HOLDS), ([0.8, 0.9, 0.95], FAILS), ([0.9, 0.9], OPEN)]
)
def test_seeds_are_alike_within_a_tenth(last: list[float], verdict: str) -> None:
    [found] = alike(runs_of(sher=[[0.0, value] for value in last]))
    assert found.verdict == verdict


def test_temperatures_are_ordered_by_their_last_success() -> None:
    best, worst = runs_of("fetch_slide", sher=FAST), runs_of("fetch_slide", sher=NEVER)
    assert [each.verdict for each in order({"α = 1": best, "α = 2": worst})] == [HOLDS]
    assert [each.verdict for each in order({"α = 2": worst, "α = 1": best})] == [FAILS]
    assert order({"α = 1": best, "α = 2": []}) == []
    assert order({"α = 1": [], "α = 2": []}) == []


def test_a_claim_of_eight_tasks_needs_eight() -> None:
    tasks = list(TITLES)
    won = [each for task in tasks[:7] for each in runs_of(task, sher=FAST, her=SLOW, cher=NEVER)]
    section = claims_section(won, {})
    assert "**SHER converges faster than HER and CHER on all eight tasks: not shown.**\nIt holds in 7 of 8" in section
    lost = runs_of(tasks[7], sher=SLOW, her=FAST, cher=NEVER)
    section = claims_section([*won, *lost], {})
    assert "**SHER converges faster than HER and CHER on all eight tasks: does not hold.**" in section
    assert "does not hold in 1, and is not shown in 0." in section
    last = runs_of(tasks[7], sher=FAST, her=SLOW, cher=NEVER)
    assert "on all eight tasks: holds.**\nIt holds in 8 of 8 tasks" in claims_section([*won, *last], {})
    assert claims_section([], {}).count("not shown.**") == 5
    assert METHODS.keys() == {"sher", "her", "cher"}
