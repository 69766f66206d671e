import pytest
import torch

from sher_rl.training.interval import Interval


def test_statistics_are_means_but_for_extremes() -> None:
    interval = Interval()
    for q in (-3.0, 1.0):
        interval.add({"q_min": torch.tensor(q), "q_max": torch.tensor(q), "q_mean": torch.tensor(q)})
    assert interval.summary() == {"q_min": -3.0, "q_max": 1.0, "q_mean": -1.0}
    assert interval.latest("q_mean") == 1.0
    assert interval.latest("alpha") is None


def test_without_an_episode_there_is_no_success() -> None:
    interval = Interval()
    assert interval.episodes() == 0
    assert interval.success() != interval.success()


def test_a_saved_interval_goes_on() -> None:
    interval = Interval()
    interval.successes.append(torch.tensor([1.0, 0.0, 0.0]))
    interval.add({"q_mean": torch.tensor(2.0)})
    restored = Interval.of(interval.state_dict())
    restored.successes.append(torch.tensor([1.0]))
    restored.add({"q_mean": torch.tensor(4.0)})
    assert (restored.success(), restored.episodes()) == (0.5, 4)
    assert restored.summary() == {"q_mean": 3.0}


def test_updates_are_counted_from_where_the_interval_begins_here() -> None:
    interval = Interval()
    interval.add({})
    assert interval.updates_per_second() > 0
    assert Interval.of(interval.state_dict()).updates_per_second() == 0


@pytest.mark.parametrize(
    "change", [{"train": "1"}, {"statistics": {"q_mean": 1.0}}, {"statistics": {"=cmd()": torch.ones(1)}}]
)
def test_a_state_of_something_else_is_refused(change: dict) -> None:
    with pytest.raises(ValueError, match=r"successes or statistics|statistics that no csv has"):
        Interval.of(Interval().state_dict() | change)
